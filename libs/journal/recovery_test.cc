#include "libs/journal/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/journal/log_fixture.h"

namespace sluice::journal {
namespace {

using ::testing::IsEmpty;
using RecoveryTest = LogFixture;

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

TEST_F(RecoveryTest, WhereverTheLogIsCutOffEveryWholeRecordStays) {
  MakeLog(50);
  const size_t whole = files_.Content(PathOf(40)).size();
  for (size_t size = Position(6); size < whole; ++size) {
    MemoryFileSystem survivor;
    files_.ImageTo(&survivor);
    survivor.SetContent(PathOf(40), files_.Content(PathOf(40)).substr(0, size));
    options_.file_system = &survivor;
    Open();
    SCOPED_TRACE(absl::StrCat("cut off after ", size, " bytes"));
    EXPECT_EQ(journal_->end_offset(), 50);
    const int64_t first_gone = 40 + static_cast<int64_t>(size - Position(0)) / kFrame;
    ExpectHole(first_gone, 50);
    FillTo(52);
    Open();
    ExpectHole(first_gone, 50);
    journal_.reset();
  }
}

TEST_F(RecoveryTest, EveryFlippedBitCostsItsOwnRecordAtTheMost) {
  MakeLog(4);
  const std::string intact = files_.Content(PathOf(0));
  for (size_t bit = 0; bit < 8 * intact.size(); ++bit) {
    MemoryFileSystem survivor;
    files_.ImageTo(&survivor);
    std::string flipped = intact;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    survivor.SetContent(PathOf(0), flipped);
    options_.file_system = &survivor;
    Open();
    SCOPED_TRACE(absl::StrCat("bit ", bit, " is flipped"));
    EXPECT_EQ(journal_->end_offset(), 4);
    if (bit / 8 < Position(0)) {
      EXPECT_THAT(ReadAll(), IsEmpty());
    } else {
      const int64_t damaged = static_cast<int64_t>(bit / 8 - Position(0)) / kFrame;
      ExpectHole(damaged, damaged + 1);
    }
    journal_.reset();
  }
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

TEST_F(RecoveryTest, AnOlderCopyPutBackIsAnotherLogWithTheSameRecords) {
  MakeLog(30);
  MemoryFileSystem backup;
  const auto names = files_.List("/d").value();
  for (const std::string& name : names) {
    backup.SetContent("/d/" + name, files_.Content("/d/" + name));
  }
  MakeLog(50);
  options_.file_system = &backup;
  Open();
  EXPECT_NE(journal_->id(), id_);
  EXPECT_EQ(journal_->end_offset(), 30);
  EXPECT_THAT(ReadAll(), IsEmpty());
  FillTo(40);
  const std::string id = journal_->id();
  Open();
  EXPECT_EQ(journal_->id(), id);
  EXPECT_THAT(ReadAll(), IsEmpty());
  journal_.reset();
}

TEST_F(RecoveryTest, AWipedLogIsAnotherOne) {
  MakeLog(30);
  const auto names = files_.List("/d").value();
  for (const std::string& name : names) {
    ASSERT_TRUE(files_.Remove("/d/" + name).ok());
  }
  Open();
  EXPECT_NE(journal_->id(), id_);
  EXPECT_EQ(journal_->end_offset(), 0);
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
