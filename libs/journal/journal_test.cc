#include "libs/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/memory_file_system.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    options_.dir = "/d";
    options_.file_system = &files_;
    options_.segment_bytes = 1000;
  }

  absl::StatusOr<std::unique_ptr<Journal>> Open() { return Journal::Open(options_, &clock_); }

  // Appends "0", "1", … as their offsets say and waits until they are durable.
  void Fill(Journal& journal, int records) {
    for (int i = 0; i < records; ++i) {
      const int64_t offset = journal.end_offset();
      ASSERT_EQ(journal.Append(absl::StrCat(offset)).value(), offset);
    }
    ASSERT_TRUE(journal.WaitDurable(journal.end_offset() - 1, absl::InfiniteDuration()));
  }

  std::vector<int64_t> Offsets(const JournalBatch& batch) {
    std::vector<int64_t> offsets;
    for (const JournalRecord& record : batch.records) {
      EXPECT_EQ(record.bytes, absl::StrCat(record.offset));
      offsets.push_back(record.offset);
    }
    return offsets;
  }

  JournalBatch ReadAll(Journal& journal, int64_t offset = 0) {
    return journal.NewReader(offset)->Read(1 << 20, 1 << 30).value();
  }

  // Retention works behind the sync: waits until it has.
  void AwaitBytes(Journal& journal, int64_t bytes) {
    absl::Mutex mutex;
    absl::MutexLock lock(&mutex);
    const auto reached = [&] { return journal.stats().bytes <= bytes; };
    while (!reached()) mutex.AwaitWithTimeout(absl::Condition(&reached), absl::Milliseconds(1));
  }

  MemoryFileSystem files_;
  FakeClock clock_;
  JournalOptions options_;
};

TEST_F(JournalTest, AnEmptyLogHasNothingAtZero) {
  auto journal = Open().value();
  EXPECT_EQ(journal->begin_offset(), 0);
  EXPECT_EQ(journal->durable_offset(), 0);
  EXPECT_EQ(journal->end_offset(), 0);
  EXPECT_EQ(journal->id().size(), 32u);
  const JournalBatch batch = ReadAll(*journal);
  EXPECT_THAT(batch.records, IsEmpty());
  EXPECT_EQ(batch.next_offset, 0);
  EXPECT_FALSE(journal->WaitDurable(0, absl::ZeroDuration()));
}

TEST_F(JournalTest, GivesBackWhatWasAppendedOverManySegmentsAndReopens) {
  std::string id;
  {
    auto journal = Open().value();
    Fill(*journal, 100);
    id = journal->id();
    EXPECT_GT(journal->stats().segments, 3);
  }
  for (int end = 100; end < 104; ++end) {
    auto journal = Open().value();
    EXPECT_EQ(journal->id(), id);
    EXPECT_EQ(journal->end_offset(), end);
    const JournalBatch batch = ReadAll(*journal);
    EXPECT_EQ(static_cast<int>(Offsets(batch).size()), end);
    EXPECT_THAT(batch.gaps, IsEmpty());
    EXPECT_EQ(batch.next_offset, end);
    EXPECT_THAT(Offsets(ReadAll(*journal, 97)).front(), 97);
    EXPECT_EQ(journal->stats().corrupt_records, 0);
    Fill(*journal, 1);
  }
}

TEST_F(JournalTest, ReadsInBatchesOfTheSizeAskedFor) {
  auto journal = Open().value();
  Fill(*journal, 100);
  auto reader = journal->NewReader(10);
  EXPECT_THAT(Offsets(reader->Read(3, 1 << 20).value()), ElementsAre(10, 11, 12));
  EXPECT_EQ(reader->next_offset(), 13);
  // At least one record, whatever its size; then as many as it takes to reach the bound.
  EXPECT_THAT(Offsets(reader->Read(100, 1).value()), ElementsAre(13));
  EXPECT_THAT(Offsets(reader->Read(100, 5).value()), ElementsAre(14, 15, 16));
}

TEST_F(JournalTest, AReaderSeesARecordOnlyOnceItIsDurable) {
  auto journal = Open().value();
  Fill(*journal, 5);
  auto reader = journal->NewReader(0);
  files_.HoldSyncs(true);
  ASSERT_TRUE(journal->Append("5").ok());
  files_.AwaitHeldSync();
  EXPECT_THAT(Offsets(reader->Read(100, 1000).value()), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(reader->Read(100, 1000)->records, IsEmpty());
  EXPECT_EQ(journal->durable_offset(), 5);
  EXPECT_EQ(journal->end_offset(), 6);
  EXPECT_FALSE(journal->WaitDurable(5, absl::ZeroDuration()));
  files_.HoldSyncs(false);
  EXPECT_TRUE(journal->WaitDurable(5, absl::InfiniteDuration()));
  EXPECT_THAT(Offsets(reader->Read(100, 1000).value()), ElementsAre(5));
}

TEST_F(JournalTest, OneSyncServesAllThatWasAppendedWhileAnotherRan) {
  auto journal = Open().value();
  Fill(*journal, 1);
  files_.HoldSyncs(true);
  ASSERT_TRUE(journal->Append("1").ok());
  files_.AwaitHeldSync();
  const int64_t syncs = journal->stats().syncs;
  for (int i = 2; i < 20; ++i) ASSERT_TRUE(journal->Append(absl::StrCat(i)).ok());
  files_.HoldSyncs(false);
  EXPECT_TRUE(journal->WaitDurable(19, absl::InfiniteDuration()));
  EXPECT_EQ(journal->stats().syncs, syncs + 2);
}

TEST_F(JournalTest, ListenersHearOfEachAdvance) {
  auto journal = Open().value();
  absl::Notification reached;
  const int64_t key = journal->AddDurableListener([&](int64_t durable_offset) {
    if (durable_offset >= 10 && !reached.HasBeenNotified()) reached.Notify();
  });
  Fill(*journal, 10);
  reached.WaitForNotification();
  journal->RemoveDurableListener(key);
  int calls = 0;
  journal->RemoveDurableListener(journal->AddDurableListener([&](int64_t) { ++calls; }));
  Fill(*journal, 1);
  EXPECT_EQ(calls, 0);
}

TEST_F(JournalTest, AReaderBeyondTheEndWaitsForItsOffset) {
  auto journal = Open().value();
  auto reader = journal->NewReader(3);
  Fill(*journal, 2);
  EXPECT_THAT(reader->Read(10, 1000)->records, IsEmpty());
  EXPECT_EQ(reader->next_offset(), 3);
  Fill(*journal, 3);
  EXPECT_THAT(Offsets(reader->Read(10, 1000).value()), ElementsAre(3, 4));
}

TEST_F(JournalTest, TakesTheLargestRecordAndNoneLarger) {
  auto journal = Open().value();
  const std::string largest(Journal::kMaxRecordBytes, 'x');
  ASSERT_TRUE(journal->Append(largest).ok());
  EXPECT_EQ(journal->Append(largest + "x").status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(journal->Append("").ok());
  ASSERT_TRUE(journal->WaitDurable(1, absl::InfiniteDuration()));
  const JournalBatch batch = ReadAll(*journal);
  ASSERT_EQ(batch.records.size(), 2u);
  EXPECT_EQ(batch.records[0].bytes, largest);
  EXPECT_EQ(batch.records[1].bytes, "");
}

TEST_F(JournalTest, FindsTheFirstRecordOfATime) {
  const absl::Time start = clock_.Now();
  {
    auto journal = Open().value();
    for (int i = 0; i < 100; ++i) {
      Fill(*journal, 1);
      clock_.Advance(absl::Seconds(1));
    }
  }
  auto journal = Open().value();
  EXPECT_EQ(journal->OffsetAt(absl::InfinitePast()), 0);
  EXPECT_EQ(journal->OffsetAt(start), 0);
  EXPECT_EQ(journal->OffsetAt(start + absl::Seconds(42)), 42);
  EXPECT_EQ(journal->OffsetAt(start + absl::Milliseconds(42'001)), 43);
  EXPECT_EQ(journal->OffsetAt(start + absl::Seconds(99)), 99);
  EXPECT_EQ(journal->OffsetAt(start + absl::Seconds(100)), 100);
  EXPECT_EQ(journal->OffsetAt(absl::InfiniteFuture()), 100);
  // The clock is set back: the first record at or after a time is still the first.
  clock_.Jump(-absl::Hours(1));
  Fill(*journal, 50);
  EXPECT_EQ(journal->OffsetAt(start + absl::Seconds(42)), 42);
  EXPECT_EQ(journal->OffsetAt(start + absl::Hours(1)), 150);
  EXPECT_EQ(journal->NewReader(42)->Read(1, 1)->records[0].append_time, start + absl::Seconds(42));
}

TEST_F(JournalTest, TellsWhenARecordWasAppendedAndHowMuchLiesBehindIt) {
  auto journal = Open().value();
  EXPECT_EQ(journal->AppendTimeAt(0), absl::nullopt);
  EXPECT_EQ(journal->BytesFrom(0), journal->stats().bytes);
  const absl::Time start = clock_.Now();
  for (int i = 0; i < 100; ++i) {
    Fill(*journal, 1);
    clock_.Advance(absl::Seconds(1));
  }
  for (int reopened = 0; reopened < 2; ++reopened) {
    EXPECT_EQ(journal->AppendTimeAt(0), start);
    EXPECT_EQ(journal->AppendTimeAt(42), start + absl::Seconds(42));
    EXPECT_EQ(journal->AppendTimeAt(99), start + absl::Seconds(99));
    EXPECT_EQ(journal->AppendTimeAt(100), absl::nullopt);
    EXPECT_EQ(journal->BytesFrom(0), journal->stats().bytes);
    EXPECT_EQ(journal->BytesFrom(100), 0);
    // Headers of segments aside, equal records take equal room.
    EXPECT_NEAR(static_cast<double>(journal->BytesFrom(50)),
                static_cast<double>(journal->stats().bytes) / 2, 100);
    if (reopened == 0) {
      journal.reset();
      journal = Open().value();
    }
  }
}

TEST_F(JournalTest, AFullDiskRefusesRecordsAndHarmsNone) {
  auto journal = Open().value();
  // Wherever in a segment the disk becomes full, and where a new one would have to begin.
  for (int64_t end = 1; end < 100; end += 7) {
    files_.Heal();
    while (journal->end_offset() < end) Fill(*journal, 1);
    files_.SetFreeBytes(20);
    // What the segment was filled with ahead can still be used.
    absl::Status status;
    while (status.ok()) status = journal->Append(absl::StrCat(journal->end_offset())).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    const int64_t full_at = journal->end_offset();
    EXPECT_LE(full_at, end + 28);
    EXPECT_FALSE(journal->Append("no").ok());
    EXPECT_EQ(journal->end_offset(), full_at);
    end = std::max(end, full_at);
  }
  files_.Heal();
  Fill(*journal, 50);
  const int64_t end = journal->end_offset();
  journal.reset();
  journal = Open().value();
  EXPECT_EQ(static_cast<int64_t>(Offsets(ReadAll(*journal)).size()), end);
  EXPECT_THAT(ReadAll(*journal).gaps, IsEmpty());
}

TEST_F(JournalTest, AFailedWriteIsAnErrorAndNoRecord) {
  auto journal = Open().value();
  files_.FailWrites(".seg", absl::UnavailableError("cannot write"));
  EXPECT_EQ(journal->Append("0").status().code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  Fill(*journal, 3);
  EXPECT_THAT(Offsets(ReadAll(*journal)), ElementsAre(0, 1, 2));
}

TEST_F(JournalTest, WhatNobodyWaitsForIsWrittenAndSyncedTogether) {
  auto journal = Open().value();
  files_.HoldSyncs(true);
  ASSERT_EQ(journal->Append("0", WaitsFor::kNothing).value(), 0);
  files_.AwaitHeldSync();
  const int64_t syncs = files_.syncs();
  for (int i = 1; i < 60; ++i)
    ASSERT_EQ(journal->Append(std::to_string(i), WaitsFor::kNothing).value(), i);
  EXPECT_EQ(journal->end_offset(), 60);
  EXPECT_EQ(journal->durable_offset(), 0);
  files_.HoldSyncs(false);
  ASSERT_TRUE(journal->WaitDurable(59, absl::InfiniteDuration()));
  EXPECT_LE(files_.syncs() - syncs, 20);  // of segments, of marks, and of the directory
  EXPECT_EQ(Offsets(ReadAll(*journal)).size(), 60u);
}

TEST_F(JournalTest, AnAppendTakesAlongWhatIsUnwritten) {
  auto journal = Open().value();
  ASSERT_EQ(journal->Append("0", WaitsFor::kNothing).value(), 0);
  ASSERT_EQ(journal->Append("1").value(), 1);
  MemoryFileSystem killed;
  files_.ImageTo(&killed);
  options_.file_system = &killed;
  auto again = Open().value();
  EXPECT_EQ(Offsets(ReadAll(*again)).size(), 2u);
}

TEST_F(JournalTest, WhatIsToSurviveAKillIsWrittenAtOnce) {
  auto journal = Open().value();
  files_.HoldSyncs(true);
  ASSERT_EQ(journal->Append("0", WaitsFor::kWritten).value(), 0);
  MemoryFileSystem killed;
  files_.ImageTo(&killed);
  files_.HoldSyncs(false);
  ASSERT_TRUE(journal->WaitDurable(0, absl::InfiniteDuration()));
  options_.file_system = &killed;
  EXPECT_EQ(Offsets(ReadAll(*Open().value())).size(), 1u);
}

TEST_F(JournalTest, ASyncThatIsAskedForTakesAllThatIsUnwritten) {
  auto journal = Open().value();
  journal->RequestSync();
  ASSERT_EQ(journal->Append("0", WaitsFor::kNothing).value(), 0);
  journal->RequestSync();
  ASSERT_TRUE(journal->WaitDurable(0, absl::InfiniteDuration()));
}

TEST_F(JournalTest, WritesWhatIsUnwrittenWhenAskedTo) {
  auto journal = Open().value();
  ASSERT_EQ(journal->Append("unwritten", WaitsFor::kNothing).value(), 0);
  ASSERT_TRUE(journal->WriteAll().ok());
  EXPECT_THAT(files_.Content("/d/00000000000000000000.seg"), HasSubstr("unwritten"));
}

TEST_F(JournalTest, WhoWaitsSyncsItself) {
  auto journal = Open().value();
  int at_once = 0;
  for (int64_t offset = 0; offset < 20; ++offset) {
    ASSERT_EQ(journal->Append("x", WaitsFor::kNothing).value(), offset);
    journal->SyncTo(offset);
    // Unless the journal's thread was quicker.
    if (journal->durable_offset() > offset) ++at_once;
    ASSERT_TRUE(journal->WaitDurable(offset, absl::InfiniteDuration()));
  }
  EXPECT_GT(at_once, 0);
  // While a sync is under way it does not wait for its end.
  files_.HoldSyncs(true);
  ASSERT_EQ(journal->Append("x").value(), 20);
  files_.AwaitHeldSync();
  ASSERT_EQ(journal->Append("x").value(), 21);
  journal->SyncTo(21);
  EXPECT_LE(journal->durable_offset(), 20);
  files_.HoldSyncs(false);
  EXPECT_TRUE(journal->WaitDurable(21, absl::InfiniteDuration()));
}

TEST_F(JournalTest, ClosingWritesWhatIsUnwritten) {
  auto journal = Open().value();
  ASSERT_TRUE(journal->Append("0", WaitsFor::kNothing).ok());
  journal.reset();
  journal = Open().value();
  EXPECT_EQ(Offsets(ReadAll(*journal)).size(), 1u);
}

TEST_F(JournalTest, WhatCannotBeWrittenLaterStaysAndHoldsUpTheRest) {
  auto journal = Open().value();
  Fill(*journal, 3);
  files_.FailWrites(".seg", absl::UnavailableError("cannot write"));
  ASSERT_EQ(journal->Append("3", WaitsFor::kNothing).value(), 3);
  EXPECT_FALSE(journal->WaitDurable(3, absl::Milliseconds(50)));
  for (const WaitsFor waits_for : {WaitsFor::kNothing, WaitsFor::kWritten}) {
    EXPECT_EQ(journal->Append("not now", waits_for).status().code(),
              absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(journal->WriteAll().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(journal->end_offset(), 4);
  files_.Heal();
  ASSERT_EQ(journal->Append("4").value(), 4);
  ASSERT_TRUE(journal->WaitDurable(4, absl::InfiniteDuration()));
  EXPECT_EQ(Offsets(ReadAll(*journal)).size(), 5u);
}

TEST_F(JournalTest, AFailedSyncIsTheEnd) {
  absl::Notification failed;
  options_.on_sync_failure = [&](const absl::Status& status) {
    EXPECT_EQ(status.message(), "gone");
    failed.Notify();
  };
  {
    auto journal = Open().value();
    Fill(*journal, 3);
    files_.FailSyncs(".seg", absl::UnavailableError("gone"));
    ASSERT_TRUE(journal->Append("3").ok());
    failed.WaitForNotification();
    EXPECT_FALSE(journal->WaitDurable(3, absl::ZeroDuration()));
    EXPECT_EQ(journal->durable_offset(), 3);
    EXPECT_EQ(journal->Append("4").status().code(), absl::StatusCode::kUnavailable);
  }
  // What the failed sync was for is written once more before it counts as durable.
  files_.Heal();
  auto journal = Open().value();
  EXPECT_EQ(journal->durable_offset(), 4);
  journal.reset();
  files_.LosePower();
  EXPECT_THAT(Offsets(ReadAll(*Open().value())), ElementsAre(0, 1, 2, 3));
}

TEST_F(JournalTest, ByDefaultAFailedSyncEndsTheProcess) {
  EXPECT_DEATH(
      {
        auto journal = Open().value();
        files_.FailSyncs(".seg", absl::UnavailableError("disk gone"));
        journal->Append("0").IgnoreError();
        journal->WaitDurable(0, absl::InfiniteDuration());
      },
      "journal: disk gone; what was not synced must be taken for lost");
}

TEST_F(JournalTest, IsOpenOnce) {
  auto journal = Open().value();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  journal.reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(JournalTest, RefusesSizesThatMakeNoSense) {
  options_.hard_max_bytes = options_.max_bytes - 1;
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(JournalTest, KeepsToItsBoundByDeletingTheOldest) {
  options_.max_bytes = 5000;
  auto journal = Open().value();
  Fill(*journal, 1000);
  journal.reset();
  journal = Open().value();
  Fill(*journal, 1);
  EXPECT_LE(journal->stats().bytes, 5000 + options_.segment_bytes);
  EXPECT_GT(journal->begin_offset(), 800);
  const JournalBatch batch = ReadAll(*journal, 5);
  ASSERT_EQ(batch.gaps.size(), 1u);
  EXPECT_EQ(batch.gaps[0].from, 5);
  EXPECT_EQ(batch.gaps[0].to, journal->begin_offset());
  EXPECT_EQ(batch.gaps[0].reason, GapReason::kRetention);
  EXPECT_EQ(Offsets(batch).front(), journal->begin_offset());
  EXPECT_EQ(journal->stats().corrupt_records, 0);
  EXPECT_LE(static_cast<int64_t>(files_.List("/d")->size()), journal->stats().segments + 1);
}

TEST_F(JournalTest, WhatIsNeededIsSparedUntilItIsNeededNoMore) {
  options_.max_bytes = 5000;
  auto journal = Open().value();
  journal->SetRetentionPoint(100);
  Fill(*journal, 1000);
  EXPECT_LE(journal->begin_offset(), 100);
  EXPECT_EQ(journal->stats().deleted_unacknowledged_records, 0);
  // Without an append.
  journal->SetRetentionPoint(1000);
  AwaitBytes(*journal, options_.max_bytes);
  EXPECT_EQ(journal->stats().deleted_records, journal->begin_offset());
}

TEST_F(JournalTest, NothingIsDeletedBeforeItCanBeSaidWhatIsNeeded) {
  {
    auto journal = Open().value();
    Fill(*journal, 1000);
  }
  options_.max_bytes = 5000;
  auto journal = Open().value();
  journal->SetRetentionPoint(0);
  Fill(*journal, 1);
  Fill(*journal, 1);
  EXPECT_EQ(journal->begin_offset(), 0);
}

TEST_F(JournalTest, AFullLogRefusesUntilSomebodyReads) {
  options_.max_bytes = 5000;
  options_.hard_max_bytes = 10'000;
  auto journal = Open().value();
  journal->SetRetentionPoint(0);
  EXPECT_TRUE(journal->CheckWritable().ok());
  absl::Status full;
  for (int i = 0; i < 1000 && full.ok(); ++i) full = journal->Append("x").status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("the log /d is full"));
  EXPECT_THAT(full.message(), HasSubstr("hard_max_bytes is 10000"));
  EXPECT_EQ(journal->CheckWritable().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LE(journal->stats().bytes, options_.hard_max_bytes);
  EXPECT_EQ(journal->begin_offset(), 0);
  EXPECT_EQ(journal->Append(std::string(2000, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);

  ASSERT_TRUE(journal->WaitDurable(journal->end_offset() - 1, absl::InfiniteDuration()));
  journal->SetRetentionPoint(journal->end_offset());
  EXPECT_TRUE(journal->CheckWritable().ok());
  EXPECT_TRUE(journal->Append("x").ok());
  EXPECT_EQ(journal->stats().deleted_unacknowledged_records, 0);
}

TEST_F(JournalTest, DroppingTheOldestSparesNothingCountsAndIsKnownAfterARestart) {
  options_.max_bytes = 5000;
  options_.hard_max_bytes = 10'000;
  options_.when_full = WhenFull::kDropOldest;
  auto journal = Open().value();
  journal->SetRetentionPoint(0);
  for (int i = 0; i < 100; ++i) Fill(*journal, 10);
  AwaitBytes(*journal, options_.hard_max_bytes);
  const int64_t begin = journal->begin_offset();
  EXPECT_GT(begin, 500);
  EXPECT_EQ(journal->stats().deleted_unacknowledged_records, begin);
  EXPECT_EQ(journal->stats().deleted_records, 0);
  EXPECT_TRUE(journal->CheckWritable().ok());
  for (int round = 0; round < 2; ++round) {
    const JournalBatch batch = ReadAll(*journal, 5);
    ASSERT_EQ(batch.gaps.size(), 1u);
    EXPECT_EQ(batch.gaps[0].from, 5);
    EXPECT_EQ(batch.gaps[0].to, begin);
    EXPECT_EQ(batch.gaps[0].reason, GapReason::kDropped);
    journal.reset();
    journal = Open().value();
  }
}

TEST_F(JournalTest, TheReserveOfTheDiskStaysFree) {
  files_.SetFreeBytes(100'000);
  options_.min_free_bytes = 80'000;
  auto journal = Open().value();
  journal->SetRetentionPoint(0);
  absl::Status full;
  for (int i = 0; i < 1000 && full.ok(); ++i) full = journal->Append("x").status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("the disk of /d is full"));
  EXPECT_THAT(full.message(), HasSubstr("min_free_bytes is 80000"));
  EXPECT_GE(files_.FreeBytes("/d").value(), options_.min_free_bytes);
  EXPECT_EQ(journal->CheckWritable().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(journal->WaitDurable(journal->end_offset() - 1, absl::InfiniteDuration()));

  // Somebody else frees space.
  files_.SetFreeBytes(90'000);
  EXPECT_TRUE(journal->CheckWritable().ok());
  // Somebody else takes more: that shows also while nothing is appended.
  files_.SetFreeBytes(79'000);
  EXPECT_EQ(journal->CheckWritable().code(), absl::StatusCode::kResourceExhausted);
  // What nobody needs is given up for it, and is room already.
  clock_.Advance(absl::Seconds(1));
  journal->SetRetentionPoint(journal->end_offset());
  Fill(*journal, 1);
  while (files_.FreeBytes("/d").value() < options_.min_free_bytes) {
    clock_.Advance(absl::Seconds(1));
    Fill(*journal, 1);
  }
  EXPECT_EQ(journal->stats().deleted_for_reserve_records, 0);
  EXPECT_GT(journal->stats().deleted_records, 0);
}

TEST_F(JournalTest, AFastWriterTakesHalfOfTheReserveAtTheMost) {
  options_.min_free_bytes = 80'000;
  files_.SetFreeBytes(300'000);
  auto journal = Open().value();
  Fill(*journal, 2000);
  ASSERT_GT(journal->stats().bytes, 50'000) << "all of it may be deleted";
  files_.SetFreeBytes(90'000);
  ASSERT_TRUE(journal->CheckWritable().ok());
  files_.HoldSyncs(true);
  absl::Status full;
  for (int i = 0; i < 10'000 && full.ok(); ++i) full = journal->Append("x").status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GE(files_.FreeBytes("/d").value(), options_.min_free_bytes / 2);
  EXPECT_LT(files_.FreeBytes("/d").value(), options_.min_free_bytes);
  files_.HoldSyncs(false);
}

TEST_F(JournalTest, AtTheReserveTheOldestMayBeDropped) {
  files_.SetFreeBytes(100'000);
  options_.min_free_bytes = 80'000;
  options_.when_full = WhenFull::kDropOldest;
  auto journal = Open().value();
  journal->SetRetentionPoint(0);
  for (int i = 0; i < 1000; ++i) {
    Fill(*journal, 1);
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_GT(journal->begin_offset(), 300);
  EXPECT_EQ(journal->stats().deleted_for_reserve_records, journal->begin_offset());
  EXPECT_EQ(journal->stats().deleted_unacknowledged_records, 0);
  EXPECT_GE(files_.FreeBytes("/d").value(), 70'000);
}

TEST_F(JournalTest, AgeAndAClockThatJumpsDeleteSlowlyAndOnlyWhatNobodyNeeds) {
  options_.max_age = absl::Hours(24);
  auto journal = Open().value();
  journal->SetRetentionPoint(50);
  Fill(*journal, 100);
  const int64_t segments = journal->stats().segments;
  ASSERT_GT(segments, 3);
  clock_.Jump(absl::Hours(24 * 365));
  Fill(*journal, 1);
  // One each second: the first may be gone, no other.
  Fill(*journal, 1);
  EXPECT_GE(journal->stats().segments, segments - 1);
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(absl::Seconds(1));
    Fill(*journal, 1);
    Fill(*journal, 1);
  }
  EXPECT_GT(journal->begin_offset(), 0);
  EXPECT_LE(journal->begin_offset(), 50);
  EXPECT_GT(journal->begin_offset(), 50 - 25);
  EXPECT_EQ(journal->stats().deleted_unacknowledged_records, 0);
}

TEST_F(JournalTest, AfterAFailedWriteItTriesItselfWhetherTheDiskIsBack) {
  auto journal = Open().value();
  Fill(*journal, 1);
  files_.FailWrites("/d/", absl::UnavailableError("I/O error"));
  EXPECT_FALSE(journal->Append("1").ok());
  EXPECT_EQ(journal->CheckWritable().message(), "I/O error");
  EXPECT_EQ(journal->CheckWritable().message(), "I/O error");
  files_.Heal();
  EXPECT_TRUE(journal->CheckWritable().ok());
  Fill(*journal, 1);
  EXPECT_EQ(Offsets(ReadAll(*journal)).size(), 2u);
}

TEST_F(JournalTest, ManyThreadsAppendAndReadAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kRecords = 2000;
  auto journal = Open().value();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(journal->Append("x").ok());
    });
    threads.emplace_back([&] {
      auto reader = journal->NewReader(0);
      int64_t expected = 0;
      while (expected < kThreads * kRecords) {
        journal->WaitDurable(expected, absl::InfiniteDuration());
        const JournalBatch batch = reader->Read(100, 1 << 20).value();
        ASSERT_TRUE(batch.gaps.empty());
        for (const JournalRecord& record : batch.records) ASSERT_EQ(record.offset, expected++);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(journal->stats().appended_records, kThreads * kRecords);
}

}  // namespace
}  // namespace sluice
