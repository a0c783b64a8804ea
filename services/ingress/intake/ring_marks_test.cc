#include "services/ingress/intake/ring_marks.h"

#include <gtest/gtest.h>

#include "services/ingress/testing/fake_journal.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

class RingMarksTest : public ::testing::Test {
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
    auto marks = RingMarks::Read(&telemetry_, &dead_letters_, &reports_);
    EXPECT_TRUE(marks.ok()) << marks.status();
    return *std::move(marks);
  }

  FakeJournal telemetry_;
  FakeJournal dead_letters_;
  FakeJournal reports_;
};

TEST_F(RingMarksTest, EmptyLogsHaveNothing) {
  const RingMarks marks = Read();
  EXPECT_FALSE(marks.Highest(1).has_value());
  EXPECT_FALSE(marks.Has(Receipt::Log::kTelemetry, {1, 0}));
}

TEST_F(RingMarksTest, FindsTheHighestOfEachLogAndRing) {
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
TEST_F(RingMarksTest, BehindAHoleNothingCounts) {
  for (const uint64_t end : {100, 200, 300}) Append<v1::Telemetry>(&telemetry_, 1, end);
  telemetry_.Damage(1);
  Append<v1::DeadLetter>(&dead_letters_, 1, 250);
  const RingMarks marks = Read();
  EXPECT_TRUE(marks.Has(Receipt::Log::kTelemetry, {1, 100}));
  EXPECT_FALSE(marks.Has(Receipt::Log::kTelemetry, {1, 200}));
  EXPECT_TRUE(marks.Has(Receipt::Log::kDeadLetters, {1, 250})) << "another log";
}

TEST_F(RingMarksTest, RetentionMakesNoHole) {
  for (const uint64_t end : {100, 200, 300}) Append<v1::Telemetry>(&telemetry_, 1, end);
  telemetry_.DeleteBelow(2);
  EXPECT_EQ(Read().Highest(1), 300u);
}

TEST_F(RingMarksTest, ForgetsARingInAllLogs) {
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  Append<v1::DeadLetter>(&dead_letters_, 1, 200);
  Append<v1::Telemetry>(&telemetry_, 2, 40);
  RingMarks marks = Read();
  marks.Forget(1);
  EXPECT_FALSE(marks.Highest(1).has_value());
  EXPECT_EQ(marks.Highest(2), 40u);
}

TEST_F(RingMarksTest, WhatIsNotDurableDoesNotCount) {
  Append<v1::Telemetry>(&telemetry_, 1, 100);
  v1::Telemetry record;
  record.mutable_ring_position()->set_ring_id(1);
  record.mutable_ring_position()->set_end(200);
  ASSERT_TRUE(telemetry_.Append(record.SerializeAsString()).ok());
  EXPECT_EQ(Read().Highest(1), 100u);
}

}  // namespace
}  // namespace sluice::ingress
