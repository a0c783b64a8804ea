#include "services/analytics/analysis/insight_log.h"

#include <gtest/gtest.h>

#include "services/analytics/analysis/scripted_journal.h"

namespace sluice::analytics {
namespace {

v1::Insight Insight(const std::string& journal_id, int64_t offset, int number) {
  v1::Insight insight;
  insight.set_telemetry_journal_id(journal_id);
  insight.set_telemetry_offset(offset);
  insight.set_number(number);
  insight.set_device_id("pump");
  return insight;
}

TEST(InsightLogTest, AppendsEachOnceAlsoAfterARestart) {
  ScriptedJournal journal;
  {
    auto log = InsightLog::Open(&journal);
    ASSERT_TRUE(log.ok());
    EXPECT_TRUE((*log)->Append(Insight("A", 7, 0)).ok());
    EXPECT_TRUE((*log)->Append(Insight("A", 7, 1)).ok());
    EXPECT_TRUE((*log)->Append(Insight("A", 9, 0)).ok());
    EXPECT_TRUE((*log)->Append(Insight("A", 9, 1)).ok());
  }
  auto log = InsightLog::Open(&journal);
  ASSERT_TRUE(log.ok());
  for (const auto& [offset, number] : {std::pair(7, 0), {7, 1}, {9, 0}, {9, 1}, {9, 2}, {10, 0}}) {
    EXPECT_TRUE((*log)->Append(Insight("A", offset, number)).ok());
  }
  EXPECT_EQ((*log)->passed_over(), 4);
  EXPECT_EQ(journal.end_offset(), 6);
  const auto last = DecodeInsight({5, absl::UnixEpoch(), journal.records()[5]});
  EXPECT_EQ(last->telemetry_offset(), 10);
  EXPECT_EQ(last->offset(), 5);
}

TEST(InsightLogTest, AnotherTelemetryJournalBeginsAnew) {
  ScriptedJournal journal;
  ASSERT_TRUE((*InsightLog::Open(&journal))->Append(Insight("A", 1000, 0)).ok());
  auto log = InsightLog::Open(&journal);
  EXPECT_TRUE((*log)->Append(Insight("B", 3, 0)).ok());
  EXPECT_EQ(journal.end_offset(), 2);
  log = InsightLog::Open(&journal);
  EXPECT_TRUE((*log)->Append(Insight("B", 3, 0)).ok());
  EXPECT_EQ(journal.end_offset(), 2);
}

TEST(InsightLogTest, LooksPastDamageAtTheEnd) {
  ScriptedJournal journal;
  auto log = InsightLog::Open(&journal);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE((*log)->Append(Insight("A", i, 0)).ok());
  for (int i = 60; i < 100; ++i) journal.SetRecord(i, "\xff damaged");
  log = InsightLog::Open(&journal);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE((*log)->Append(Insight("A", 59, 0)).ok());
  EXPECT_EQ(journal.end_offset(), 100);
  ASSERT_TRUE((*log)->Append(Insight("A", 60, 0)).ok());
  EXPECT_EQ(journal.end_offset(), 101);
}

TEST(InsightLogTest, WhatWasRefusedIsNotThere) {
  ScriptedJournal journal;
  auto log = InsightLog::Open(&journal);
  journal.SetAppendStatus(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ((*log)->Append(Insight("A", 1, 0)).code(), absl::StatusCode::kResourceExhausted);
  journal.SetAppendStatus(absl::OkStatus());
  EXPECT_TRUE((*log)->Append(Insight("A", 1, 0)).ok());
  EXPECT_EQ(journal.end_offset(), 1);
}

TEST(InsightLogTest, WaitsForDurability) {
  ScriptedJournal journal;
  auto log = InsightLog::Open(&journal);
  EXPECT_TRUE((*log)->WaitDurable(absl::ZeroDuration()));
  journal.SetSyncing(false);
  ASSERT_TRUE((*log)->Append(Insight("A", 1, 0)).ok());
  EXPECT_FALSE((*log)->WaitDurable(absl::ZeroDuration()));
  journal.SetSyncing(true);
  EXPECT_TRUE((*log)->WaitDurable(absl::Seconds(10)));
}

}  // namespace
}  // namespace sluice::analytics
