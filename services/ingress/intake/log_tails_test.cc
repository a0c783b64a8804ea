#include "services/ingress/intake/log_tails.h"

#include <gtest/gtest.h>

#include "libs/clock/fake_clock.h"
#include "services/ingress/testing/fake_journal.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

class LogTailsTest : public ::testing::Test {
 protected:
  template <typename Record>
  static void Append(FakeJournal* journal, uint64_t ring_id, uint64_t end) {
    Record record;
    if (ring_id != 0) {
      record.mutable_ring_position()->set_ring_id(ring_id);
      record.mutable_ring_position()->set_end(end);
    }
    ASSERT_TRUE(journal->Append(record.SerializeAsString()).ok());
    journal->Sync();
  }
  RingMarks Read() {
    RingMarks marks;
    const absl::Status status =
        ReadLogTails(&telemetry_, &dead_letters_, &reports_, MomentOf(clock_), &marks, &window_);
    EXPECT_TRUE(status.ok()) << status;
    return marks;
  }
  // Telemetry with a message id, appended now.
  void AppendWithId(const std::string& message_id) {
    v1::Telemetry record;
    record.set_device_id("pump-7");
    record.set_message_id(message_id);
    telemetry_.SetTime(clock_.Now());
    ASSERT_TRUE(telemetry_.Append(record.SerializeAsString()).ok());
    telemetry_.Sync();
  }
  // Where the window has the message; -1: nowhere.
  int64_t Remembered(const std::string& message_id) {
    return window_
        .WriteOnce("pump-7", message_id, clock_.Uptime(),
                   []() -> absl::optional<int64_t> { return absl::nullopt; })
        .value_or(-1);
  }

  FakeClock clock_;
  MessageWindow window_{{.max_messages = 1000, .max_age = absl::Hours(1)}};
  FakeJournal telemetry_;
  FakeJournal dead_letters_;
  FakeJournal reports_;
};

TEST_F(LogTailsTest, EmptyLogsHaveNothing) {
  const RingMarks marks = Read();
  EXPECT_FALSE(marks.Highest(1).has_value());
  EXPECT_FALSE(marks.Has(Receipt::Log::kTelemetry, {1, 0}));
}

TEST_F(LogTailsTest, FindsTheHighestOfEachLogAndRing) {
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  Append<v1::Telemetry>(&telemetry_, 2, 40);
  Append<v1::Telemetry>(&telemetry_, 1, 200);
  // CoAP, gRPC.
  for (int i = 0; i < 3000; ++i) Append<v1::Telemetry>(&telemetry_, 0, 0);
  Append<v1::DeadLetter>(&dead_letters_, 1, 300);
  Append<state::v1::Report>(&reports_, 1, 120);
  const RingMarks marks = Read();
  EXPECT_EQ(marks.Highest(1), 300u);
  EXPECT_EQ(marks.Highest(2), 40u);
  EXPECT_FALSE(marks.Highest(3).has_value());

  EXPECT_TRUE(marks.Has(Receipt::Log::kTelemetry, {1, 200}));
  EXPECT_FALSE(marks.Has(Receipt::Log::kTelemetry, {1, 208}));
  EXPECT_TRUE(marks.Has(Receipt::Log::kDeadLetters, {1, 208}));
  EXPECT_FALSE(marks.Has(Receipt::Log::kReports, {1, 208}));
  EXPECT_FALSE(marks.Has(Receipt::Log::kTelemetry, {2, 48}));
}

// What stood in the hole may be anything of the ring: it must come again.
TEST_F(LogTailsTest, BehindAHoleNothingCounts) {
  for (const uint64_t end : {100, 200, 300}) Append<v1::Telemetry>(&telemetry_, 1, end);
  telemetry_.Damage(1);
  Append<v1::DeadLetter>(&dead_letters_, 1, 250);
  const RingMarks marks = Read();
  EXPECT_TRUE(marks.Has(Receipt::Log::kTelemetry, {1, 100}));
  EXPECT_FALSE(marks.Has(Receipt::Log::kTelemetry, {1, 200}));
  EXPECT_TRUE(marks.Has(Receipt::Log::kDeadLetters, {1, 250})) << "another log";
}

TEST_F(LogTailsTest, RetentionMakesNoHole) {
  for (const uint64_t end : {100, 200, 300}) Append<v1::Telemetry>(&telemetry_, 1, end);
  telemetry_.DeleteBelow(2);
  EXPECT_EQ(Read().Highest(1), 300u);
}

TEST_F(LogTailsTest, ForgetsARingInAllLogs) {
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  Append<v1::DeadLetter>(&dead_letters_, 1, 200);
  Append<v1::Telemetry>(&telemetry_, 2, 40);
  RingMarks marks = Read();
  marks.Forget(1);
  EXPECT_FALSE(marks.Highest(1).has_value());
  EXPECT_EQ(marks.Highest(2), 40u);
}

TEST_F(LogTailsTest, WhatIsNotDurableDoesNotCount) {
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  v1::Telemetry record;
  record.mutable_ring_position()->set_ring_id(1);
  record.mutable_ring_position()->set_end(200);
  ASSERT_TRUE(telemetry_.Append(record.SerializeAsString()).ok());
  EXPECT_EQ(Read().Highest(1), 100u);
}

TEST_F(LogTailsTest, TheWindowHasTheMessageIdsOfItsTime) {
  AppendWithId("old");
  clock_.Advance(absl::Minutes(30));
  AppendWithId("half");
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  clock_.Advance(absl::Minutes(31));
  AppendWithId("new");
  Read();
  EXPECT_EQ(Remembered("old"), -1);
  EXPECT_EQ(Remembered("half"), 1);
  EXPECT_EQ(Remembered("new"), 3);
  clock_.Advance(absl::Minutes(30));
  EXPECT_EQ(Remembered("half"), -1) << "its age before the start counts";
  EXPECT_EQ(Remembered("new"), 3);
}

TEST_F(LogTailsTest, TheWindowReachesFurtherBackThanTheMarks) {
  AppendWithId("first");
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  for (int64_t i = 1; i < kRecordsForMarks; ++i) ASSERT_TRUE(telemetry_.Append("").ok());
  telemetry_.Sync();
  EXPECT_EQ(Read().Highest(1), 100u);
  EXPECT_EQ(Remembered("first"), 0);
  ASSERT_TRUE(telemetry_.Append("").ok());
  telemetry_.Sync();
  EXPECT_FALSE(Read().Highest(1).has_value());
}

TEST_F(LogTailsTest, AHoleHidesNoMessageIdBehindIt) {
  for (const char* id : {"a", "b", "c"}) AppendWithId(id);
  telemetry_.Damage(1);
  Read();
  EXPECT_EQ(Remembered("a"), 0);
  EXPECT_EQ(Remembered("b"), -1);
  EXPECT_EQ(Remembered("c"), 2);
}

TEST_F(LogTailsTest, AClockThatWasSetBackMakesNothingTooOld) {
  AppendWithId("a");
  clock_.Jump(-absl::Hours(24 * 365));
  AppendWithId("b");
  Read();
  EXPECT_EQ(Remembered("a"), 0);
  EXPECT_EQ(Remembered("b"), 1);
}

}  // namespace
}  // namespace sluice::ingress
