#include "tools/fleetsim/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "tools/fleetsim/testing/child_process.h"

namespace sluice::fleetsim {
namespace {

using ::testing::HasSubstr;

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    options_.mqtt_devices = 20;
    options_.duration = absl::ZeroDuration();
    options_.quiet = true;
  }

  absl::StatusOr<RunResult> Drive() { return fleetsim::Run(options_, &clock_, &interrupted_); }

  // Waits until messages flow: the ledger tells. False if none do within 20 s.
  bool AwaitFlow() const {
    const absl::Duration deadline = clock_.Uptime() + absl::Seconds(20);
    while (std::ifstream(options_.ledger).peek() == std::ifstream::traits_type::eof()) {
      if (clock_.Uptime() > deadline) return false;
      poll(nullptr, 0, 10);
    }
    return true;
  }

  const SystemClock clock_;
  std::atomic<bool> interrupted_{false};
  Options options_;
};

TEST_F(RunTest, SendsWhatWasAskedForAndKeepsALedgerOfIt) {
  Mosquitto broker;
  options_.mqtt = broker.address();
  options_.messages = 2000;
  options_.rate_per_s = 2000;
  options_.anomalies = 5;
  options_.ledger = std::string(std::getenv("TEST_TMPDIR")) + "/ledger";
  const auto result = Drive();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->failures, ::testing::IsEmpty());
  EXPECT_EQ(result->totals.protocols[0].acknowledged, 2000);
  EXPECT_EQ(result->totals.anomalies.planted, 5);
  EXPECT_EQ(result->totals.errors.size(), 0u);

  std::ifstream file(options_.ledger);
  std::multiset<std::string> events;
  for (std::string line; std::getline(file, line);) {
    events.insert(line.substr(0, line.find(',')));
    if (line.find("\"anomaly\":true") != std::string::npos) events.insert("anomaly");
  }
  EXPECT_EQ(events.count("{\"event\":\"sent\""), 2000u);
  EXPECT_EQ(events.count("{\"event\":\"acknowledged\""), 2000u);
  EXPECT_EQ(events.count("anomaly"), 5u);
}

TEST_F(RunTest, ABrokerThatComesBackInTheMiddleLosesNothingOfTheRun) {
  Mosquitto broker;
  options_.mqtt = broker.address();
  options_.messages = 3000;
  options_.rate_per_s = 2000;
  options_.settle = absl::Seconds(30);
  options_.ledger = std::string(std::getenv("TEST_TMPDIR")) + "/ledger-killed";
  absl::StatusOr<RunResult> result = absl::UnknownError("");
  std::thread run([&] { result = Drive(); });
  EXPECT_TRUE(AwaitFlow());
  broker.Kill();
  broker.Start();
  run.join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->failures, ::testing::IsEmpty());
  EXPECT_EQ(result->totals.protocols[0].sent, 3000);
  EXPECT_EQ(result->totals.protocols[0].acknowledged, 3000);
  EXPECT_EQ(result->mqtt_reconnects, 20);
}

TEST_F(RunTest, AnInterruptEndsItWithAVerdict) {
  Mosquitto broker;
  options_.mqtt = broker.address();
  options_.rate_per_s = 500;
  absl::StatusOr<RunResult> result = absl::UnknownError("");
  options_.ledger = std::string(std::getenv("TEST_TMPDIR")) + "/ledger-interrupted";
  std::thread run([&] { result = Drive(); });
  EXPECT_TRUE(AwaitFlow());
  interrupted_ = true;
  run.join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->totals.protocols[0].sent, 0);
  EXPECT_EQ(result->totals.protocols[0].acknowledged, result->totals.protocols[0].sent);
}

TEST_F(RunTest, WhatCannotBeginSaysWhy) {
  options_.mqtt = absl::StrCat("127.0.0.1:", FreePort());
  options_.connect_timeout = absl::Milliseconds(300);
  EXPECT_THAT(Drive().status().message(), HasSubstr("no MQTT device could connect"));
  options_.mqtt = "nowhere";
  EXPECT_THAT(Drive().status().message(), HasSubstr("'nowhere' is not HOST:PORT"));
  options_.mqtt = "127.0.0.1:1883";
  options_.ledger = "/no/such/directory/ledger";
  EXPECT_THAT(Drive().status().message(), HasSubstr("ledger"));
  options_.mqtt_devices = 2'000'000'000 / 1000;
  options_.ledger = "";
  EXPECT_THAT(Drive().status().message(), HasSubstr("open files"));
}

TEST_F(RunTest, ARunWithoutAnAcknowledgementFails) {
  options_.mqtt_devices = 0;
  options_.coap_devices = 2;
  options_.coap = absl::StrCat("127.0.0.1:", FreePort());
  options_.coap_ack_timeout = absl::Milliseconds(10);
  options_.messages = 4;
  const auto result = Drive();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->failures, ::testing::ElementsAre("no CoAP message was acknowledged"));
}

}  // namespace
}  // namespace sluice::fleetsim
