// What a journal keeps when its process or its machine stops.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/journal/log_fixture.h"

namespace sluice::journal {
namespace {

using ::testing::IsEmpty;
using CrashTest = LogFixture;

TEST_F(CrashTest, ARestartOfTheProcessLosesNothingAndSkipsNothing) {
  Open();
  FillTo(30);
  files_.HoldSyncs(true);
  for (int64_t i = 30; i < 50; ++i) ASSERT_TRUE(journal_->Append(Payload(i)).ok());
  // The process dies here: what it wrote is in the kernel's hands. The old one goes on elsewhere.
  MemoryFileSystem survivor;
  files_.ImageTo(&survivor);
  options_.file_system = &survivor;
  auto dead = std::move(journal_);
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
  journal_.reset();
  files_.HoldSyncs(false);
}

TEST_F(CrashTest, AfterAKillItIsKnownHowFarReadersHaveSeen) {
  Open();
  FillTo(50);
  MemoryFileSystem survivor;
  files_.ImageTo(&survivor);
  options_.file_system = &survivor;
  survivor.SetContent(PathOf(40), survivor.Content(PathOf(40)).substr(0, Position(7)));
  auto dead = std::move(journal_);
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  ExpectHole(47, 50);
  journal_.reset();
}

TEST_F(CrashTest, AfterAPowerLossNoOffsetIsUsedTwice) {
  Open();
  FillTo(30);
  files_.LosePower();
  Open();
  // Nothing durable was lost. How far the log went is not known, only how far it cannot have gone.
  EXPECT_GT(journal_->end_offset(), 30);
  const int64_t end = journal_->end_offset();
  FillTo(end + 10);
  const auto gaps = ReadAll();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].from, 30);
  EXPECT_EQ(gaps[0].to, end);
  EXPECT_EQ(gaps[0].reason, GapReason::kUnknown);
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
}

TEST_F(CrashTest, APowerLossAfterAnOrderlyEndSkipsNothing) {
  MakeLog(30);
  files_.LosePower();
  Open();
  EXPECT_EQ(journal_->end_offset(), 30);
  EXPECT_THAT(ReadAll(), IsEmpty());
}

TEST_F(CrashTest, DeletionThatWasInterruptedIsFinished) {
  options_.max_bytes = 3 * options_.segment_bytes;
  Open();
  FillTo(60);
  const std::string first = files_.Content(PathOf(0));
  for (int64_t end = 61; journal_->begin_offset() == 0; ++end) FillTo(end);
  const int64_t begin = journal_->begin_offset();
  const int64_t end = journal_->end_offset();
  journal_.reset();
  files_.SetContent(PathOf(0), first);
  Open();
  EXPECT_EQ(journal_->begin_offset(), begin);
  EXPECT_FALSE(files_.Exists(PathOf(0)));
  const auto gaps = ReadAll();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].to, begin);
  EXPECT_EQ(gaps[0].reason, GapReason::kRetention);
  EXPECT_EQ(journal_->end_offset(), end);
}

// A hundred records in one segment whose process was killed, or whose machine lost its power, and
// what the disk has of it.
class UnwrittenSectorTest : public LogFixture {
 protected:
  static constexpr size_t kSectorBytes = 512;

  UnwrittenSectorTest() {
    options_.segment_bytes = 1 << 20;
    Open();
    FillTo(100);
    files_.ImageTo(&survivor_);
    options_.file_system = &survivor_;
    auto dead = std::move(journal_);
  }

  ~UnwrittenSectorTest() override { journal_.reset(); }

  void Zero(const std::string& path, size_t position, size_t bytes) {
    std::string content = survivor_.Content(path);
    content.replace(position, bytes, bytes, '\0');
    survivor_.SetContent(path, content);
  }
  void ZeroSector(size_t number) { Zero(PathOf(0), number * kSectorBytes, kSectorBytes); }
  // The power goes before the disk has heard how far the log is durable.
  void LosePowerAtOnce() {
    Zero("/d/marks", 8192, 4096);
    survivor_.LosePower();
  }
  // The first record that the sector has anything of.
  static int64_t FirstIn(size_t sector) {
    return (static_cast<int64_t>(sector * kSectorBytes) - kSegmentHeaderBytes) / kFrame;
  }

  MemoryFileSystem survivor_;
};

TEST_F(UnwrittenSectorTest, AfterAPowerLossNothingBehindItWasSynced) {
  ZeroSector(4);
  LosePowerAtOnce();
  Open();
  const auto gaps = ReadAll();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].from, FirstIn(4));
  EXPECT_EQ(gaps[0].to, journal_->end_offset());
  EXPECT_EQ(gaps[0].reason, GapReason::kUnknown);
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
  EXPECT_GE(journal_->end_offset(), 100);
}

TEST_F(UnwrittenSectorTest, InTheSameRunOfTheMachineItIsDamage) {
  ZeroSector(4);
  Open();
  EXPECT_EQ(journal_->end_offset(), 100);
  ExpectHole(FirstIn(4), FirstIn(5) + 1);
  // What is known to be damage is never to lie where it could be taken for unwritten.
  FillTo(101);
  EXPECT_TRUE(survivor_.Exists(PathOf(100)));
}

TEST_F(UnwrittenSectorTest, WhatIsKnownToHaveBeenSyncedIsDamageAlsoAfterAPowerLoss) {
  ZeroSector(4);
  survivor_.LosePower();
  Open();
  ReadAll();
  EXPECT_EQ(journal_->stats().corrupt_records, FirstIn(5) + 1 - FirstIn(4));
}

TEST_F(UnwrittenSectorTest, WhatCannotBeReadIsDamageAlsoAfterAPowerLoss) {
  LosePowerAtOnce();
  survivor_.FailReads(PathOf(0), 4 * kSectorBytes, 5 * kSectorBytes);
  Open();
  survivor_.Heal();
  EXPECT_GT(journal_->stats().corrupt_records, 0);
  auto reader = journal_->NewReader(99);
  EXPECT_EQ(reader->Read(1, 1000).value().records.at(0).bytes, Payload(99));
}

TEST_F(UnwrittenSectorTest, TheFirstOneMayBeMissing) {
  ZeroSector(0);
  LosePowerAtOnce();
  Open();
  EXPECT_GE(journal_->end_offset(), 100);
  FillTo(journal_->end_offset() + 5);
  Open();
  ReadAll();
  EXPECT_EQ(missing_, journal_->end_offset() - 5);
}

// The second segment had begun, and its first sector was not written: it goes, and what is known of
// time stays.
TEST_F(CrashTest, ASegmentOfWhichNothingWasSyncedGoes) {
  options_.segment_bytes = 20'000;
  Open();
  const absl::Time before = clock_.Now();
  FillTo(31);
  while (!files_.Exists(PathOf(journal_->end_offset() - 30))) FillTo(journal_->end_offset() + 1);
  const int64_t second = journal_->end_offset() - 30;
  MemoryFileSystem survivor;
  files_.ImageTo(&survivor);
  options_.file_system = &survivor;
  auto dead = std::move(journal_);
  std::string content = survivor.Content(PathOf(second));
  content.replace(0, 512, 512, '\0');
  survivor.SetContent(PathOf(second), content);
  content = survivor.Content("/d/marks");
  survivor.SetContent("/d/marks", content.replace(8192, 4096, 4096, '\0'));
  survivor.LosePower();
  for (int opened = 0; opened < 2; ++opened) {
    Open();
    EXPECT_FALSE(survivor.Exists(PathOf(second)));
    EXPECT_EQ(journal_->OffsetAt(before), 0);
    ReadAll();
    EXPECT_EQ(missing_, journal_->end_offset() - second);
    EXPECT_EQ(journal_->stats().corrupt_records, 0);
  }
  journal_.reset();
}

TEST_F(UnwrittenSectorTest, ZerosBehindTheLastRecordAreUsedUp) {
  const size_t filled = survivor_.Content(PathOf(0)).size();
  Open();
  EXPECT_EQ(survivor_.Content(PathOf(0)).size(), Position(100));
  FillTo(105);
  EXPECT_GE(survivor_.Content(PathOf(0)).size(), filled);
  EXPECT_THAT(ReadAll(), IsEmpty());
}

TEST_F(UnwrittenSectorTest, ZerosThatAPowerLossLeftAreCutOff) {
  survivor_.LosePower();
  Open();
  EXPECT_EQ(survivor_.Content(PathOf(0)).size(), Position(100));
  ReadAll();
  EXPECT_EQ(missing_, journal_->end_offset() - 100);
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
}

// Whatever happens to the machine: each record that was durable is there, no offset is given out
// twice.
TEST_F(CrashTest, SurvivesAnyRowOfPowerLosses) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  // Many sectors a segment.
  options_.segment_bytes = kSegmentHeaderBytes + 200 * kFrame;
  std::vector<int64_t> durable;
  int64_t shown_end = 0;
  for (int life = 0; life < 60; ++life) {
    auto opened = Journal::Open(options_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
    ASSERT_GE(journal_->end_offset(), shown_end);
    const int64_t first = journal_->end_offset();
    const int64_t records = random() % 300;
    for (int64_t i = 0; i < records; ++i) {
      ASSERT_EQ(journal_->Append(Payload(first + i)).value(), first + i);
      if (random() % 8 == 0) journal_->WaitDurable(first + i, absl::InfiniteDuration());
    }
    // A torn tail of any length, sometimes of the length of whole records; of what was written over
    // the zeros ahead any sectors.
    const int64_t kept = static_cast<int64_t>(random() % 3) * (random() % 200);
    shown_end = journal_->durable_offset();
    files_.LosePower(kept, [&] { return random() % 2 == 0; });
    for (int64_t offset = first; offset < shown_end; ++offset) durable.push_back(offset);
    journal_.reset();
  }
  Open();
  std::vector<int64_t> found;
  auto reader = journal_->NewReader(0);
  while (reader->next_offset() < journal_->durable_offset()) {
    const JournalBatch batch = reader->Read(1000, 1 << 20).value();
    for (const JournalRecord& record : batch.records) {
      ASSERT_EQ(record.bytes, Payload(record.offset));
      found.push_back(record.offset);
    }
    for (const Gap& gap : batch.gaps) EXPECT_EQ(gap.reason, GapReason::kUnknown);
  }
  EXPECT_TRUE(std::includes(found.begin(), found.end(), durable.begin(), durable.end()));
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
}

}  // namespace
}  // namespace sluice::journal
