#include "tools/fleetsim/mqtt_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/clock/clock.h"
#include "tools/fleetsim/testing/child_process.h"

namespace sluice::fleetsim {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kFirstTag = 1000;

class MqttFleetTest : public ::testing::Test {
 protected:
  void Open(int devices, const std::string& address, int qos = 1) {
    fleet_.reset();
    tally_ = std::make_unique<Tally>(kFirstTag);
    WorkloadOptions workload;
    workload.first_tag = kFirstTag;
    workload.payload.shape = PayloadShape::kNumber;
    workload.max_messages = max_messages_;
    workload_ = std::make_unique<Workload>(workload, tally_.get(), nullptr);
    options_.broker = ResolveAddress(address).value();
    options_.session.qos = qos;
    std::vector<std::string> ids;
    for (int i = 0; i < devices; ++i) ids.push_back(absl::StrCat("d", i));
    fleet_ = std::make_unique<MqttFleet>(options_, ids, loop_.get(), &clock_, workload_.get());
    workload_->Open(clock_.NowUs());
  }

  // Runs the loop until it holds; false if it does not within 30 s.
  bool RunUntil(const std::function<bool()>& condition) {
    const int64_t deadline_us = clock_.NowUs() + 30'000'000;
    while (!condition()) {
      if (clock_.NowUs() > deadline_us) return false;
      loop_->Poll(5);
      fleet_->Tick(clock_.NowUs());
      fleet_->Flush(clock_.NowUs());
    }
    return true;
  }
  bool RunUntilReady() {
    return RunUntil([this] { return fleet_->ready() == fleet_->size(); });
  }
  bool RunUntilAllAcknowledged() {
    return RunUntil([this] { return Totals().acknowledged == Totals().sent; });
  }
  bool RunUntilGone() {
    return RunUntil([this] { return fleet_->Leave(clock_.NowUs()); });
  }
  ProtocolTotals Totals() const { return tally_->Snapshot().protocols[0]; }
  int64_t Errors() const { return tally_->progress().errors; }

  SystemClock system_clock_;
  FleetClock clock_{&system_clock_};
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::unique_ptr<Tally> tally_;
  int64_t max_messages_ = 0;
  MqttFleetOptions options_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<MqttFleet> fleet_;
};

TEST_F(MqttFleetTest, WhatItSendsReachesAnotherClientWithItsTag) {
  Mosquitto broker;
  Open(3, broker.address());
  ASSERT_TRUE(RunUntilReady());
  const auto watcher = MosquittoSub(broker, "devices/+/telemetry");
  for (int device = 0; device < 3; ++device) {
    ASSERT_TRUE(fleet_->TrySend(device, clock_.NowUs()));
    ASSERT_TRUE(fleet_->TrySend(device, clock_.NowUs()));
  }
  ASSERT_TRUE(RunUntilAllAcknowledged());
  EXPECT_EQ(Totals().acknowledged, 6);
  while (Totals().received + Totals().duplicates < 6) {
    const std::string line = watcher->ReadLineWith("devices/");
    ASSERT_NE(line, "");
    // The client tells of each message in a line of its own, too.
    if (!absl::StartsWith(line, "devices/")) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, absl::ByAnyChar("/ "));
    ASSERT_EQ(words.size(), 4u) << line;
    tally_->Received({{words[1], TagOf(std::stod(std::string(words[3]))).value_or(-1)}}, 1);
  }
  EXPECT_EQ(Totals().received, 6);
  EXPECT_EQ(Totals().duplicates, 0);
  EXPECT_EQ(Totals().out_of_order, 0);
  EXPECT_EQ(tally_->Snapshot().foreign, 0);
  ASSERT_TRUE(RunUntilGone());
  EXPECT_EQ(Errors(), 0);
}

TEST_F(MqttFleetTest, GreedyDevicesFillTheirWindowsAtEveryQos) {
  for (int qos : {0, 1, 2}) {
    SCOPED_TRACE(qos);
    Mosquitto broker;
    options_.greedy = true;
    max_messages_ = 20'000;
    Open(50, broker.address(), qos);
    ASSERT_TRUE(RunUntil([&] {
      fleet_->SendAll(clock_.NowUs());
      return Totals().sent == 20'000;
    }));
    if (qos > 0) {
      ASSERT_TRUE(RunUntil([this] { return fleet_->unacknowledged() == 0; }));
      EXPECT_EQ(Totals().acknowledged, 20'000);
    }
    ASSERT_TRUE(RunUntilGone());
    EXPECT_EQ(Errors(), 0);
  }
}

TEST_F(MqttFleetTest, ABrokerThatIsKilledLosesNothingThatCanBeSentAgain) {
  Mosquitto broker;
  Open(20, broker.address());
  ASSERT_TRUE(RunUntilReady());
  broker.Pause();
  for (int device = 0; device < 20; ++device) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(fleet_->TrySend(device, clock_.NowUs()));
  }
  fleet_->Flush(clock_.NowUs());
  EXPECT_EQ(fleet_->unacknowledged(), 100);
  broker.Kill();
  ASSERT_TRUE(RunUntil([this] { return fleet_->ready() == 0; }));
  EXPECT_FALSE(fleet_->TrySend(0, clock_.NowUs()));
  broker.Start();
  const auto watcher = MosquittoSub(broker, "devices/d7/telemetry");
  ASSERT_TRUE(RunUntilReady());
  ASSERT_TRUE(RunUntilAllAcknowledged());
  EXPECT_EQ(Totals().acknowledged, 100);
  EXPECT_EQ(fleet_->stats().reconnects, 20);
  EXPECT_GE(tally_->Snapshot().errors.at("mqtt connection lost"), 1);
  EXPECT_THAT(watcher->ReadLineWith("received PUBLISH"), HasSubstr("devices/d7/telemetry"));
  ASSERT_TRUE(RunUntilGone());
}

TEST_F(MqttFleetTest, CommandsOfAnotherClientAreAnswered) {
  Mosquitto broker;
  options_.session.respond_commands = true;
  Open(2, broker.address());
  ASSERT_TRUE(RunUntilReady());
  const auto watcher = MosquittoSub(broker, "devices/+/commands/+/response");
  ASSERT_TRUE(MosquittoPub(broker, "devices/d1/commands", R"({"id":"c-9","name":"open"})", 2));
  ASSERT_TRUE(RunUntil([this] { return fleet_->stats().commands_answered == 1; }));
  EXPECT_EQ(fleet_->stats().commands_received, 1);
  const std::string answer = watcher->ReadLineWith("succeeded");
  EXPECT_THAT(answer, StartsWith("devices/d1/commands/c-9/response {"));
  EXPECT_THAT(answer, HasSubstr(R"("name":"open")"));
}

TEST_F(MqttFleetTest, StatusIsOnlineThenOfflineByTheWillOrByLeaving) {
  Mosquitto broker;
  Open(1, broker.address());
  ASSERT_TRUE(RunUntilReady());
  // A message that is acknowledged shows that what went before it has been taken in.
  ASSERT_TRUE(fleet_->TrySend(0, clock_.NowUs()));
  ASSERT_TRUE(RunUntilAllAcknowledged());
  EXPECT_EQ(MosquittoSub(broker, "devices/+/status")->ReadLineWith("devices/d0/status o"),
            "devices/d0/status online");
  const auto watcher = MosquittoSub(broker, "devices/+/status");
  EXPECT_EQ(watcher->ReadLineWith("devices/d0/status o"), "devices/d0/status online");
  fleet_.reset();  // Closes without DISCONNECT.
  EXPECT_EQ(watcher->ReadLineWith("devices/d0/status o"), "devices/d0/status offline");
  Open(1, broker.address());
  ASSERT_TRUE(RunUntilReady());
  EXPECT_EQ(watcher->ReadLineWith("devices/d0/status o"), "devices/d0/status online");
  ASSERT_TRUE(RunUntilGone());
  EXPECT_EQ(watcher->ReadLineWith("devices/d0/status o"), "devices/d0/status offline");
}

TEST_F(MqttFleetTest, ABrokerThatIsNotThereIsTriedAgain) {
  Open(5, absl::StrCat("127.0.0.1:", FreePort()));
  ASSERT_TRUE(RunUntil([this] { return Errors() >= 15; }));
  EXPECT_EQ(fleet_->ready(), 0);
  EXPECT_EQ(tally_->Snapshot().errors.begin()->first, "mqtt connect: Connection refused");
  EXPECT_TRUE(fleet_->Leave(clock_.NowUs()));
}

TEST_F(MqttFleetTest, AServerThatSpeaksSomethingElseIsLeft) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), size), 0);
  getsockname(server, reinterpret_cast<sockaddr*>(&address), &size);
  ASSERT_EQ(listen(server, 10), 0);
  Open(1, absl::StrCat("127.0.0.1:", ntohs(address.sin_port)));
  std::vector<int> accepted;
  ASSERT_TRUE(RunUntil([&] {
    const int fd = accept(server, nullptr, nullptr);
    if (fd >= 0) {
      EXPECT_GT(send(fd, "HTTP/1.1 400 Bad Request\r\n", 26, MSG_NOSIGNAL), 0);
      accepted.push_back(fd);
    }
    return accepted.size() >= 2;
  }));
  EXPECT_THAT(tally_->Snapshot().errors.begin()->first, HasSubstr("malformed MQTT"));
  for (int fd : accepted) close(fd);
  close(server);
}

}  // namespace
}  // namespace sluice::fleetsim
