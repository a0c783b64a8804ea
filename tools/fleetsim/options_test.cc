#include "tools/fleetsim/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace sluice::fleetsim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

int Parse(const std::string& line, Options* options) {
  std::vector<std::string> words = absl::StrSplit("fleetsim " + line, ' ', absl::SkipEmpty());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data(), options);
}

TEST(OptionsTest, TakesWhatARunNeeds) {
  Options o;
  ASSERT_EQ(Parse("run --mqtt 127.0.0.1:1883 --mqtt-devices 100 --coap h:5683 --coap-devices 50 "
                  "--rate 0 --duration 1m --qos 2 --payload senml --anomalies 20 --settle 500ms "
                  "--insights h:7103 --expect-all-anomalies --max-false-alarm-share 0.005",
                  &o),
            -1);
  EXPECT_EQ(o.command, Options::Command::kRun);
  EXPECT_EQ(o.mqtt_devices, 100);
  EXPECT_EQ(o.coap, "h:5683");
  EXPECT_EQ(o.rate_per_s, 0);
  EXPECT_EQ(o.duration, absl::Minutes(1));
  EXPECT_EQ(o.settle, absl::Milliseconds(500));
  EXPECT_EQ(o.payload.shape, PayloadShape::kSenml);
  EXPECT_EQ(o.max_false_alarm_share, 0.005);
}

TEST(OptionsTest, PrintsIdsInTheOrderOfTheRun) {
  Options o;
  ASSERT_EQ(Parse("devices --count 2 --id-prefix x", &o), -1);
  EXPECT_EQ(o.command, Options::Command::kDevices);
  EXPECT_THAT(DeviceIds(o.id_prefix, o.count), ElementsAre("x-00001", "x-00002"));
  Options split;
  EXPECT_EQ(Parse("devices --mqtt-devices 100 --coap-devices 0", &split), -1);
}

TEST(OptionsTest, WhatMakesNoSenseIsRefusedWithTwo) {
  for (const char* bad : {
           "",
           "fly",
           "run",
           "run --mqtt-devices 1",
           "run --coap-devices 1",
           "run --mqtt h:1 --mqtt-devices -1",
           "run --mqtt h:1 --mqtt-devices many",
           "run --mqtt h:1 --mqtt-devices 1 --qos 3",
           "run --mqtt h:1 --mqtt-devices 1 --rate -1",
           "run --mqtt h:1 --mqtt-devices 1 --duration soon",
           "run --mqtt h:1 --mqtt-devices 1 --duration -1s",
           "run --mqtt h:1 --mqtt-devices 1 --payload xml",
           "run --mqtt h:1 --mqtt-devices 1 --metric a\"b",
           "run --mqtt h:1 --mqtt-devices 1 --mean 990",
           "run --mqtt h:1 --mqtt-devices 1 --id-prefix a/b",
           "run --mqtt h:1 --mqtt-devices 1 --subscription a/b",
           "run --mqtt h:1 --mqtt-devices 1 --expect-all-anomalies",
           "run --mqtt h:1 --mqtt-devices 1 --inflight 0",
           "run --coap h:1 --coap-devices 1 --payload-bytes 2000",
           "devices",
       }) {
    Options o;
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(Parse(bad, &o), 2) << bad;
    EXPECT_NE(::testing::internal::GetCapturedStderr(), "") << bad;
  }
}

TEST(OptionsTest, HelpTeaches) {
  Options o;
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Parse("run --help", &o), 0);
  const std::string help = ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(help, HasSubstr("--anomalies"));
  EXPECT_THAT(help, HasSubstr("Example:"));
}

}  // namespace
}  // namespace sluice::fleetsim
