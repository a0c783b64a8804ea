#include "libs/journal/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"
#include "libs/journal/little_endian.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Damages logs and opens them again. Twenty records fill a segment; record N holds "record N".
class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() {
    options_.dir = "/d";
    options_.file_system = &files_;
    options_.segment_bytes = kSegmentHeaderBytes + 20 * kFrame;
  }

  static constexpr int64_t kFrame = kRecordHeaderBytes + 12;

  static std::string Payload(int64_t offset) {
    return absl::StrCat("record ", absl::Dec(offset, absl::kZeroPad5));
  }

  void Open() {
    journal_.reset();
    auto opened = Journal::Open(options_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
  }

  // Appends records up to `end` and waits for them.
  void FillTo(int64_t end) {
    while (journal_->end_offset() < end) {
      ASSERT_TRUE(journal_->Append(Payload(journal_->end_offset())).ok());
    }
    ASSERT_TRUE(journal_->WaitDurable(end - 1, absl::InfiniteDuration()));
  }

  // A log of `end` records that was closed in order.
  void MakeLog(int64_t end) {
    Open();
    FillTo(end);
    id_ = journal_->id();
    journal_.reset();
  }

  static std::string PathOf(int64_t first_offset) { return "/d/" + SegmentName(first_offset); }

  // Where a record of the segment begins.
  static size_t Position(int64_t index) { return kSegmentHeaderBytes + index * kFrame; }

  void FlipBit(const std::string& path, size_t position) {
    std::string content = files_.Content(path);
    content.at(position) ^= 4;
    files_.SetContent(path, content);
  }

  void Cut(const std::string& path, size_t size) {
    files_.SetContent(path, files_.Content(path).substr(0, size));
  }

  // Reads everything and checks that each record is what it was and that records and gaps together
  // are dense. Returns the gaps.
  std::vector<Gap> ReadAll() {
    auto reader = journal_->NewReader(0);
    std::vector<Gap> gaps;
    missing_ = 0;
    int64_t covered = 0;
    while (reader->next_offset() < journal_->durable_offset()) {
      const JournalBatch batch = reader->Read(7, 1 << 20).value();
      for (const JournalRecord& record : batch.records) {
        EXPECT_EQ(record.bytes, Payload(record.offset));
        ++covered;
      }
      for (const Gap& gap : batch.gaps) {
        missing_ += gap.to - gap.from;
        covered += gap.to - gap.from;
        gaps.push_back(gap);
      }
      EXPECT_EQ(covered, batch.next_offset);
    }
    EXPECT_EQ(reader->next_offset(), journal_->durable_offset());
    return gaps;
  }

  // Reads everything and expects one hole, and that it is counted.
  void ExpectHole(int64_t from, int64_t to) {
    const auto gaps = ReadAll();
    ASSERT_EQ(gaps.size(), 1u);
    EXPECT_EQ(gaps[0].from, from);
    EXPECT_EQ(gaps[0].to, to);
    EXPECT_EQ(gaps[0].reason, GapReason::kCorruption);
    EXPECT_EQ(journal_->stats().corrupt_records, to - from);
  }

  // The same machine for a new process, while the old one goes on with the original.
  void CopyTo(MemoryFileSystem* survivor) {
    const auto names = files_.List("/d").value();
    for (const std::string& name : names) {
      survivor->SetContent("/d/" + name, files_.Content("/d/" + name));
    }
  }

  // With the checksum that belongs to the header's other bytes.
  static std::string WithChecksum(std::string header) {
    const uint64_t checksum = XXH3_64bits(header.data(), header.size() - sizeof(uint64_t));
    PutNumber<uint64_t>(checksum, &header[header.size() - sizeof(uint64_t)]);
    return header;
  }

  MemoryFileSystem files_;
  FakeClock clock_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  std::string id_;
  int64_t missing_ = 0;
};

TEST_F(RecoveryTest, AFlippedBitInAnOlderSegmentCostsItsRecord) {
  MakeLog(50);
  FlipBit(PathOf(20), Position(7) + 3);
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  ExpectHole(27, 28);
  ExpectHole(27, 28);
  FillTo(60);
  ExpectHole(27, 28);
}

TEST_F(RecoveryTest, AFlippedBitInTheLastSegmentCostsItsRecordAndIsCountedAtOpen) {
  MakeLog(50);
  FlipBit(PathOf(40), Position(3));
  Open();
  EXPECT_EQ(journal_->stats().corrupt_records, 1);
  ExpectHole(43, 44);
}

TEST_F(RecoveryTest, DamageInTheMiddleOfReadingIsSkippedToo) {
  Open();
  FillTo(50);
  FlipBit(PathOf(20), Position(19) + 31);
  ExpectHole(39, 40);
}

TEST_F(RecoveryTest, OffsetsOfADamagedTailAreNotUsedAgain) {
  MakeLog(50);
  Cut(PathOf(40), Position(8) + 5);
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  EXPECT_EQ(journal_->durable_offset(), 50);
  EXPECT_EQ(journal_->stats().corrupt_records, 2);
  FillTo(55);
  ExpectHole(48, 50);
  Open();
  EXPECT_EQ(journal_->end_offset(), 55);
  ExpectHole(48, 50);
}

TEST_F(RecoveryTest, JunkBehindTheLastRecordCostsNothing) {
  MakeLog(50);
  files_.SetContent(PathOf(40), files_.Content(PathOf(40)) + std::string(1000, '\0') + "junk");
  Open();
  FillTo(55);
  EXPECT_THAT(ReadAll(), IsEmpty());
  Open();
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
}

TEST_F(RecoveryTest, EverySegmentMayBeMissing) {
  for (const int64_t first : {0, 20, 40}) {
    MemoryFileSystem files;
    options_.file_system = &files;
    MakeLog(60);
    ASSERT_TRUE(files.Remove(PathOf(first)).ok());
    Open();
    EXPECT_EQ(journal_->id(), id_);
    EXPECT_EQ(journal_->end_offset(), 60);
    ExpectHole(first, first + 20);
    FillTo(70);
    ExpectHole(first, first + 20);
    journal_.reset();
  }
}

TEST_F(RecoveryTest, AllSegmentsMayBeMissing) {
  MakeLog(50);
  for (const int64_t first : {0, 20, 40}) ASSERT_TRUE(files_.Remove(PathOf(first)).ok());
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  FillTo(51);
  ExpectHole(0, 50);
}

TEST_F(RecoveryTest, EverySegmentMayBeEmptyOrJunk) {
  for (const std::string& content : {std::string(), std::string("junk"), std::string(3000, 'x')}) {
    for (const int64_t first : {0, 20, 40}) {
      MemoryFileSystem files;
      options_.file_system = &files;
      MakeLog(60);
      files.SetContent(PathOf(first), content);
      Open();
      ExpectHole(first, first + 20);
      FillTo(70);
      Open();
      ExpectHole(first, first + 20);
      // What is no segment is put aside, not deleted.
      EXPECT_EQ(files.Exists(PathOf(first) + ".damaged"), content.size() > 1000);
      journal_.reset();
    }
  }
}

TEST_F(RecoveryTest, ADamagedHeaderCostsNoRecord) {
  for (const int64_t first : {0, 20, 40}) {
    MemoryFileSystem files;
    options_.file_system = &files;
    MakeLog(50);
    std::string content = files.Content(PathOf(first));
    content[20] ^= 1;
    files.SetContent(PathOf(first), content);
    Open();
    EXPECT_THAT(ReadAll(), IsEmpty());
    FillTo(60);
    Open();
    EXPECT_THAT(ReadAll(), IsEmpty());
    EXPECT_EQ(journal_->OffsetAt(clock_.Now()), 0);
    journal_.reset();
  }
}

TEST_F(RecoveryTest, ASegmentOfAnotherJournalIsForeign) {
  MakeLog(60);
  MemoryFileSystem other;
  options_.file_system = &other;
  MakeLog(60);
  options_.file_system = &files_;
  files_.SetContent(PathOf(20), other.Content(PathOf(20)));
  Open();
  ExpectHole(20, 40);
  EXPECT_TRUE(files_.Exists(PathOf(20) + ".damaged"));
}

TEST_F(RecoveryTest, FilesThatAreNotSegmentsAreLeftAlone) {
  MakeLog(50);
  files_.SetContent("/d/subscriptions", "mine");
  files_.SetContent("/d/7.seg", "not mine");
  // A copy under another segment's name is none.
  files_.SetContent(PathOf(1000), files_.Content(PathOf(20)));
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_EQ(files_.Content("/d/subscriptions"), "mine");
  EXPECT_EQ(files_.Content("/d/7.seg"), "not mine");
}

TEST_F(RecoveryTest, WithoutMarksTheRecordsStayUnderANewId) {
  for (const bool damaged : {false, true}) {
    MemoryFileSystem files;
    options_.file_system = &files;
    MakeLog(50);
    if (damaged) {
      files.SetContent("/d/marks", std::string(9000, 'x'));
    } else {
      ASSERT_TRUE(files.Remove("/d/marks").ok());
    }
    Open();
    EXPECT_NE(journal_->id(), id_);
    const std::string id = journal_->id();
    EXPECT_EQ(journal_->end_offset(), 50);
    FillTo(80);
    EXPECT_THAT(ReadAll(), IsEmpty());
    Open();
    EXPECT_EQ(journal_->id(), id);
    EXPECT_THAT(ReadAll(), IsEmpty());
    journal_.reset();
  }
}

TEST_F(RecoveryTest, ANewerFormatIsRefusedAndUntouched) {
  MakeLog(50);
  FlipBit(PathOf(0), 20);
  // Version 2 with a right checksum, as a newer program would write it.
  std::string newer = EncodeSegmentHeader(SegmentHeader{});
  newer[8] = 2;
  ASSERT_TRUE(absl::StartsWith(newer, "SLUICESG"));
  const std::string before = files_.Content(PathOf(0));
  files_.SetContent(PathOf(40), WithChecksum(newer) + files_.Content(PathOf(40)).substr(80));
  EXPECT_EQ(Journal::Open(options_, &clock_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(files_.Content(PathOf(0)), before);
}

TEST_F(RecoveryTest, ADiskThatCannotBeReadIsAnErrorAndNoDamage) {
  MakeLog(50);
  files_.FailReads(".seg", 0, INT64_MAX);
  EXPECT_EQ(Journal::Open(options_, &clock_).status().code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  Open();
  EXPECT_THAT(ReadAll(), IsEmpty());
}

TEST_F(RecoveryTest, ARestartOfTheProcessLosesNothingAndSkipsNothing) {
  Open();
  FillTo(30);
  files_.HoldSyncs(true);
  for (int64_t i = 30; i < 50; ++i) ASSERT_TRUE(journal_->Append(Payload(i)).ok());
  // The process dies here: what it wrote is in the kernel's hands.
  MemoryFileSystem survivor;
  CopyTo(&survivor);
  options_.file_system = &survivor;
  auto dead = std::move(journal_);
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_EQ(journal_->stats().corrupt_records, 0);
  journal_.reset();
  files_.HoldSyncs(false);
}

TEST_F(RecoveryTest, AfterAKillItIsKnownHowFarReadersHaveSeen) {
  Open();
  FillTo(50);
  MemoryFileSystem survivor;
  CopyTo(&survivor);
  options_.file_system = &survivor;
  survivor.SetContent(PathOf(40), survivor.Content(PathOf(40)).substr(0, Position(7)));
  auto dead = std::move(journal_);
  Open();
  EXPECT_EQ(journal_->end_offset(), 50);
  ExpectHole(47, 50);
  journal_.reset();
}

TEST_F(RecoveryTest, AfterAPowerLossNoOffsetIsUsedTwice) {
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

TEST_F(RecoveryTest, APowerLossAfterAnOrderlyEndSkipsNothing) {
  MakeLog(30);
  files_.LosePower();
  Open();
  EXPECT_EQ(journal_->end_offset(), 30);
  EXPECT_THAT(ReadAll(), IsEmpty());
}

TEST_F(RecoveryTest, DeletionThatWasInterruptedIsFinished) {
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

// Whatever happens to the machine: each record that was durable is there, no offset is given out
// twice.
TEST_F(RecoveryTest, SurvivesAnyRowOfPowerLosses) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  std::vector<int64_t> durable;
  int64_t shown_end = 0;
  for (int life = 0; life < 60; ++life) {
    auto opened = Journal::Open(options_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
    ASSERT_GE(journal_->end_offset(), shown_end);
    const int64_t first = journal_->end_offset();
    const int64_t records = random() % 100;
    for (int64_t i = 0; i < records; ++i) {
      ASSERT_EQ(journal_->Append(Payload(first + i)).value(), first + i);
      if (random() % 8 == 0) journal_->WaitDurable(first + i, absl::InfiniteDuration());
    }
    // A torn tail of any length, sometimes of the length of whole records.
    const int64_t kept = static_cast<int64_t>(random() % 3) * (random() % 200);
    shown_end = journal_->durable_offset();
    files_.LosePower(kept);
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

// Random damage to random files: what is returned is what was appended, in order and without a
// doubt.
TEST_F(RecoveryTest, SurvivesAnyDamage) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  int64_t end = 200;
  MakeLog(end);
  for (int round = 0; round < 100; ++round) {
    auto names = files_.List("/d").value();
    const std::string path = "/d/" + names[random() % names.size()];
    if (path == "/d/marks") continue;
    std::string content = files_.Content(path);
    if (content.empty()) continue;
    switch (random() % 4) {
      case 0:
        content[random() % content.size()] ^= static_cast<char>(1 + random() % 255);
        break;
      case 1:
        content.resize(random() % content.size());
        break;
      case 2:
        content.insert(random() % content.size(), std::string(random() % 50, '\xD7'));
        break;
      default:
        content.erase(random() % content.size(), random() % 50);
    }
    files_.SetContent(path, content);
    Open();
    ASSERT_EQ(journal_->end_offset(), end);
    ReadAll();
    EXPECT_EQ(journal_->stats().corrupt_records, missing_);
    FillTo(++end);
    journal_.reset();
  }
}

}  // namespace
}  // namespace sluice::journal
