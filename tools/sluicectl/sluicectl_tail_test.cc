// The binary's tails against services that come and go.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/sluicectl/testing/fake_gateway.h"
#include "tools/sluicectl/testing/subprocess.h"

namespace sluice::sluicectl {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class TailTest : public ::testing::Test {
 protected:
  TailTest() { StartIngress(); }

  void StartIngress() {
    server_ = std::make_unique<FakeServer>(std::vector<grpc::Service*>{&telemetry_}, port_);
    port_ = server_->port();
  }

  std::vector<std::string> Tail(std::vector<std::string> words) {
    std::vector<std::string> argv = {"tools/sluicectl/sluicectl", "--ingress",
                                     absl::StrCat("127.0.0.1:", port_), "telemetry", "tail"};
    argv.insert(argv.end(), words.begin(), words.end());
    return argv;
  }

  FakeTelemetry telemetry_;
  std::unique_ptr<FakeServer> server_;
  int port_ = 0;
};

TEST_F(TailTest, ShowsATableAndEndsAtCount) {
  telemetry_.Append("thermo-1", 21.5);
  telemetry_.Append("thermo-\x1b[2J", 0.1);
  Subprocess tail(Tail({"--from", "earliest", "--count", "2"}));
  EXPECT_EQ(tail.Wait(), 0);
  EXPECT_THAT(tail.out(), ContainsRegex("^RECEIVED +OFFSET +DEVICE +WAY +READINGS\n"));
  EXPECT_THAT(tail.out(), ContainsRegex("22:13:20.000 +0 +thermo-1 +MQTT +temperature=21.5 Cel\n"));
  EXPECT_THAT(tail.out(), HasSubstr("thermo-\\x1b[2J"));
  EXPECT_EQ(tail.err(), "");
}

TEST_F(TailTest, JsonTellsTheSender) {
  telemetry_.Append("thermo-\x1b", 21.5);
  Subprocess tail(Tail({"--from", "earliest", "--count", "1", "--json"}));
  EXPECT_EQ(tail.Wait(), 0);
  EXPECT_THAT(tail.out(),
              HasSubstr(R"("sender":{"client_id":"client-thermo-\u001b","username":"fleet"})"));
  EXPECT_THAT(tail.out(), HasSubstr(R"("ring_position":{"ring_id":"7","end":"1"})"));
}

TEST_F(TailTest, PrintsEachRecordAtOnceAndEndsCleanlyAtCtrlC) {
  telemetry_.Append("a", 1);
  Subprocess tail(Tail({"--from", "earliest", "--json"}));
  EXPECT_TRUE(tail.WaitForOut("\"offset\":\"0\""));
  telemetry_.Append("a", 2);
  EXPECT_TRUE(tail.WaitForOut("\"offset\":\"1\""));
  tail.Signal(SIGINT);
  EXPECT_EQ(tail.Wait(), 130);
  EXPECT_EQ(tail.err(), "");
}

TEST_F(TailTest, CtrlCEndsItWhileTheServiceIsAway) {
  telemetry_.Append("a", 1);
  Subprocess tail(Tail({"--from", "earliest"}));
  EXPECT_TRUE(tail.WaitForOut("temperature=1"));
  server_.reset();
  EXPECT_TRUE(tail.WaitForErr("is away"));
  tail.Signal(SIGTERM);
  EXPECT_EQ(tail.Wait(), 143);
}

TEST_F(TailTest, GoesOnWhereItWasWhenTheServiceComesBack) {
  telemetry_.Append("a", 1);
  telemetry_.Append("a", 2);
  Subprocess tail(Tail({"--from", "earliest", "--json", "--count", "4"}));
  EXPECT_TRUE(tail.WaitForOut("\"offset\":\"1\""));
  server_.reset();
  EXPECT_TRUE(tail.WaitForErr("is away"));
  telemetry_.Append("a", 3);
  StartIngress();
  EXPECT_TRUE(tail.WaitForErr("is back"));
  telemetry_.Append("a", 4);
  EXPECT_EQ(tail.Wait(), 0);
  for (int offset = 0; offset < 4; ++offset) {
    const std::string key = absl::StrCat("{\"offset\":\"", offset, "\"");
    EXPECT_NE(tail.out().find(key), std::string::npos);
    EXPECT_EQ(tail.out().find(key), tail.out().rfind(key)) << "printed twice";
  }
}

TEST_F(TailTest, FindsTheServiceAtTheAddressThatItHasNow) {
  const std::string dir = std::string(std::getenv("TEST_TMPDIR")) + "/data";
  const std::string endpoints = dir + "/ingress/endpoints.json";
  const auto write = [&] {
    std::ofstream(endpoints) << R"({"grpc": ")" << server_->address() << "\"}";
  };
  std::filesystem::create_directories(dir + "/ingress");
  write();
  telemetry_.Append("a", 1);
  Subprocess tail({"tools/sluicectl/sluicectl", "telemetry", "tail", "--data-dir", dir, "--from",
                   "earliest", "--count", "2"});
  EXPECT_TRUE(tail.WaitForOut("temperature=1"));
  std::filesystem::remove(endpoints);
  server_.reset();
  EXPECT_TRUE(tail.WaitForErr("is away"));
  telemetry_.Append("a", 2);
  port_ = 0;
  StartIngress();
  write();
  EXPECT_EQ(tail.Wait(), 0);
  EXPECT_THAT(tail.out(), HasSubstr("temperature=2"));
}

TEST_F(TailTest, ANamedTailAcknowledgesAndGoesOnFromTheCursor) {
  telemetry_.Append("a", 1);
  telemetry_.Append("a", 2);
  telemetry_.Append("a", 3);
  Subprocess first(Tail({"--subscription", "cloud", "--ack", "--count", "2"}));
  EXPECT_EQ(first.Wait(), 0);
  ASSERT_EQ(telemetry_.acknowledged().size(), 1);
  EXPECT_EQ(telemetry_.acknowledged()[0].offset(), 2);
  EXPECT_EQ(telemetry_.acknowledged()[0].journal_id(), "journal-1");
  Subprocess second(Tail({"--subscription", "cloud", "--ack", "--count", "1"}));
  EXPECT_EQ(second.Wait(), 0);
  EXPECT_THAT(second.out(), HasSubstr("temperature=3"));
  EXPECT_THAT(second.out(), Not(HasSubstr("temperature=2")));
}

TEST_F(TailTest, AJournalThatWasWipedIsReadFromItsBeginning) {
  telemetry_.Append("a", 1);
  telemetry_.Append("a", 2);
  Subprocess tail(Tail({"--from", "earliest", "--count", "3"}));
  EXPECT_TRUE(tail.WaitForOut("temperature=2"));
  server_.reset();
  telemetry_.Wipe("journal-2");
  telemetry_.Append("a", 7);
  StartIngress();
  EXPECT_EQ(tail.Wait(), 0);
  EXPECT_THAT(tail.out(), HasSubstr("temperature=7"));
  EXPECT_THAT(tail.err(), HasSubstr("the journal is another one now"));
}

TEST_F(TailTest, AServiceThatNeverAnswersIsNotWaitedFor) {
  server_.reset();
  Subprocess tail(Tail({}));
  EXPECT_EQ(tail.Wait(), 3);
  EXPECT_THAT(tail.err(), ContainsRegex("telemetry tail: UNAVAILABLE: ingress at 127.0.0.1:"));
}

TEST_F(TailTest, AReaderThatGoesAwayEndsIt) {
  telemetry_.Append("a", 1);
  Subprocess tail(Tail({"--from", "earliest", "--subscription", "cloud", "--ack"}));
  EXPECT_TRUE(tail.WaitForOut("temperature=1"));
  tail.CloseOut();
  telemetry_.Append("a", 2);
  EXPECT_EQ(tail.Wait(), -SIGPIPE);
}

TEST_F(TailTest, InsightsAreFilteredByMetric) {
  FakeAnalytics analytics;
  FakeServer server({&analytics});
  Subprocess tail({"tools/sluicectl/sluicectl", "insights", "tail", "--analytics", server.address(),
                   "--metric", "temperature"});
  EXPECT_EQ(tail.Wait(), 1);
  EXPECT_THAT(tail.out(), ContainsRegex("thermo-1 +temperature +99.5 +-inf "));
  EXPECT_THAT(tail.out(), Not(HasSubstr("humidity")));
  EXPECT_THAT(tail.err(), HasSubstr("insights tail: ABORTED: a newer stream is open"));
}

}  // namespace
}  // namespace sluice::sluicectl
