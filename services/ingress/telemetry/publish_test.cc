#include "services/ingress/telemetry/publish.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "libs/clock/fake_clock.h"
#include "libs/status/retry_info.h"
#include "services/ingress/testing/fake_journal.h"

namespace sluice::ingress {
namespace {

class PublishTest : public ::testing::Test {
 protected:
  static v1::Telemetry Telemetry(const std::string& device) {
    v1::Telemetry telemetry;
    telemetry.set_device_id(device);
    auto* reading = telemetry.add_readings();
    reading->set_metric("a");
    reading->set_int_value(1);
    return telemetry;
  }

  FakeClock clock_;
  FakeJournal telemetry_, dead_letters_, reports_;
  DeviceReplica replica_;
  Newcomers newcomers_;
  HeardDevices heard_{&clock_};
  MessageWindow window_{MessageWindow::Options()};
  DeviceRates rates_{0, 0};
  JournalIntake intake_{
      {&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window_, &rates_},
      {true}};
  Receipt last_;
};

TEST_F(PublishTest, GivesEachMessageItsOwnResult) {
  v1::Device off;
  off.set_id("off");
  off.set_enabled(false);
  replica_.Put(off);
  v1::PublishTelemetryRequest request;
  *request.add_telemetry() = Telemetry("a");
  *request.add_telemetry() = Telemetry("not legal");
  *request.add_telemetry() = Telemetry("off");
  *request.add_telemetry() = Telemetry("b");
  for (int i = 0; i < 20; ++i) {
    auto* reading = request.mutable_telemetry(3)->add_readings();
    reading->set_metric("b");
    reading->set_bytes_value(std::string(65536, 'x'));
  }
  *request.add_telemetry() = Telemetry("c");
  const auto response = PublishAll(&request, MomentOf(clock_), &intake_, &last_);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->results_size(), 5);
  EXPECT_EQ(response->results(0).offset(), 0);
  EXPECT_EQ(response->results(0).code(), 0);
  EXPECT_EQ(response->results(1).code(), 3);
  EXPECT_EQ(response->results(1).message(),
            "device_id: byte 3 (0x20) is not one of A-Z a-z 0-9 . _ - :");
  EXPECT_FALSE(response->results(1).has_offset());
  EXPECT_EQ(response->results(2).code(), 9);
  EXPECT_EQ(response->results(3).code(), 3);
  EXPECT_EQ(response->results(4).offset(), 1);
  EXPECT_EQ(last_.offset, 1);
  EXPECT_TRUE(dead_letters_.records().empty());
}

TEST_F(PublishTest, LetsNoMessageOvertakeOneThatCannotBeWritten) {
  v1::PublishTelemetryRequest request;
  for (const char* device : {"no id", "a", "b"}) *request.add_telemetry() = Telemetry(device);
  telemetry_.FailAppends(absl::ResourceExhaustedError("disk full"));
  const auto response = PublishAll(&request, MomentOf(clock_), &intake_, &last_);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->results(0).code(), 3);
  EXPECT_EQ(response->results(1).code(), 8);
  EXPECT_EQ(response->results(2).code(), 8);
  EXPECT_EQ(last_.log, Receipt::Log::kNone);
  EXPECT_EQ(intake_.stats().messages[v1::PROTOCOL_GRPC][0][1][IntakeStats::kUnavailable], 1);
}

TEST_F(PublishTest, ADuplicateHasTheFirstOnesOffsetAndTheAnswerWaitsForTheLast) {
  v1::PublishTelemetryRequest request;
  for (const char* device : {"a", "b", "a"}) *request.add_telemetry() = Telemetry(device);
  request.mutable_telemetry(0)->set_message_id("m-1");
  request.mutable_telemetry(2)->set_message_id("m-1");
  const auto response = PublishAll(&request, MomentOf(clock_), &intake_, &last_);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results(0).offset(), 0);
  EXPECT_EQ(response->results(1).offset(), 1);
  EXPECT_EQ(response->results(2).offset(), 0);
  EXPECT_EQ(last_.offset, 1);
}

TEST_F(PublishTest, ADeviceOverItsRateStopsNoOther) {
  DeviceRates rates(1, 1);
  JournalIntake limited(
      {&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window_, &rates},
      {true});
  v1::PublishTelemetryRequest request;
  for (const char* device : {"a", "a", "b", "a"}) *request.add_telemetry() = Telemetry(device);
  const auto response = PublishAll(&request, MomentOf(clock_), &limited, &last_);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results(0).code(), 0);
  EXPECT_EQ(response->results(1).code(), 8);
  EXPECT_EQ(response->results(1).message(), "device a sends more than it may; again in 1s");
  EXPECT_EQ(response->results(2).offset(), 1);
  EXPECT_EQ(response->results(3).code(), 8);
}

TEST_F(PublishTest, CountsTheMemoryOfARequest) {
  v1::PublishTelemetryRequest request;
  for (int i = 0; i < 100; ++i) *request.add_telemetry() = Telemetry("pump-7");
  const double really = static_cast<double>(request.SpaceUsedLong());
  EXPECT_GT(static_cast<double>(MemoryOf(request)), really * 0.7);
  EXPECT_LT(static_cast<double>(MemoryOf(request)), really * 1.5);
}

TEST_F(PublishTest, SaysWhenToTryAgainIfNothingCanBeTakenIn) {
  v1::PublishTelemetryRequest request;
  for (const char* device : {"a", "b"}) *request.add_telemetry() = Telemetry(device);
  telemetry_.FailAppends(absl::ResourceExhaustedError("disk full"));
  const absl::Status status = PublishAll(&request, MomentOf(clock_), &intake_, &last_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "disk full");
  EXPECT_TRUE(status.GetPayload(kRetryInfoUrl).has_value());
}

TEST_F(PublishTest, RefusesAnEmptyAndATooLargeBatch) {
  v1::PublishTelemetryRequest request;
  EXPECT_EQ(PublishAll(&request, MomentOf(clock_), &intake_, &last_).status().message(),
            "telemetry: holds 0; must be 1 to 1000");
  for (int i = 0; i < 1001; ++i) *request.add_telemetry() = Telemetry("a");
  EXPECT_EQ(PublishAll(&request, MomentOf(clock_), &intake_, &last_).status().message(),
            "telemetry: holds 1001; must be 1 to 1000");
  EXPECT_TRUE(telemetry_.records().empty());
}

TEST_F(PublishTest, WaitsForTheDiskAndNoLongerThanItMay) {
  v1::PublishTelemetryRequest request;
  *request.add_telemetry() = Telemetry("a");
  ASSERT_TRUE(PublishAll(&request, MomentOf(clock_), &intake_, &last_).ok());
  const auto no_time = [] { return absl::ZeroDuration(); };
  const auto for_ever = [] { return absl::InfiniteDuration(); };
  const auto stays = [] { return false; };
  const auto gone = [] { return true; };
  EXPECT_EQ(AwaitDurable(intake_, last_, no_time, stays).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(AwaitDurable(intake_, last_, for_ever, gone).code(), absl::StatusCode::kCancelled);
  std::thread disk([this] { telemetry_.Sync(); });
  EXPECT_TRUE(AwaitDurable(intake_, last_, for_ever, stays).ok());
  disk.join();
  EXPECT_TRUE(AwaitDurable(intake_, Receipt(), no_time, gone).ok());
}

}  // namespace
}  // namespace sluice::ingress
