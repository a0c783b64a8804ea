#include "libs/journal/segment_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "libs/file/memory_file_system.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSeed = 7;
constexpr char kPath[] = "/d/segment";

class SegmentScannerTest : public ::testing::Test {
 protected:
  // Adds a record and returns where it begins.
  size_t Add(int64_t offset, const std::string& payload) {
    const size_t position = content_.size();
    AppendRecord(kSeed, offset, offset * 10, payload, &content_);
    return position;
  }

  SegmentScanner Scanner(int64_t offset = 0) {
    files_.SetContent(kPath, content_);
    return SegmentScanner(files_.OpenForRead(kPath).value(), kSeed, 0, offset);
  }

  // The offsets of all records that are found.
  std::vector<int64_t> Offsets(int64_t limit_offset = INT64_MAX) {
    SegmentScanner scanner = Scanner();
    std::vector<int64_t> offsets;
    SegmentScanner::Record record;
    while (scanner.Next(static_cast<int64_t>(content_.size()), limit_offset, &record).value()) {
      offsets.push_back(record.offset);
    }
    return offsets;
  }

  MemoryFileSystem files_;
  std::string content_;
};

TEST_F(SegmentScannerTest, GivesEveryRecord) {
  Add(0, "zero");
  const size_t second = Add(1, "");
  Add(2, std::string(1 << 20, 'x'));
  SegmentScanner scanner = Scanner();
  SegmentScanner::Record record;
  const auto limit = static_cast<int64_t>(content_.size());
  ASSERT_TRUE(scanner.Next(limit, 3, &record).value());
  EXPECT_EQ(record.payload, "zero");
  EXPECT_EQ(record.time_us, 0);
  ASSERT_TRUE(scanner.Next(limit, 3, &record).value());
  EXPECT_EQ(record.payload, "");
  EXPECT_EQ(record.position, static_cast<int64_t>(second));
  EXPECT_EQ(record.time_us, 10);
  ASSERT_TRUE(scanner.Next(limit, 3, &record).value());
  EXPECT_EQ(record.payload.size(), size_t{1} << 20);
  EXPECT_EQ(record.end_position, limit);
  EXPECT_FALSE(scanner.Next(limit, 3, &record).value());
}

TEST_F(SegmentScannerTest, StopsAtTheLimitAndGoesOnWhenItIsRaised) {
  Add(0, "zero");
  const auto limit = static_cast<int64_t>(content_.size());
  Add(1, "one");
  SegmentScanner scanner = Scanner();
  SegmentScanner::Record record;
  ASSERT_TRUE(scanner.Next(limit, 1, &record).value());
  EXPECT_FALSE(scanner.Next(limit, 1, &record).value());
  scanner.ReleaseBuffer();
  ASSERT_TRUE(scanner.Next(static_cast<int64_t>(content_.size()), 2, &record).value());
  EXPECT_EQ(record.payload, "one");
}

TEST_F(SegmentScannerTest, EveryFlippedBitCostsItsOwnRecordAlone) {
  Add(0, "zero");
  const size_t damaged = Add(1, "one");
  const size_t after = Add(2, "two");
  Add(3, "three");
  const std::string intact = content_;
  for (size_t bit = damaged * 8; bit < after * 8; ++bit) {
    content_ = intact;
    content_[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_THAT(Offsets(), ElementsAre(0, 2, 3)) << bit;
  }
}

TEST_F(SegmentScannerTest, PassesOverZerosAndJunkOfAnyLength) {
  std::mt19937 random(1);
  for (const size_t junk : {1, 7, 31, 4096, (256 << 10) - 20, (256 << 10) + 3, 600'000}) {
    content_.clear();
    Add(0, "zero");
    for (size_t i = 0; i < junk; ++i) content_ += static_cast<char>(random());
    content_ += kRecordMagic;
    content_.append(40, '\0');
    Add(9, "nine");
    EXPECT_THAT(Offsets(), ElementsAre(0, 9)) << junk;
  }
}

TEST_F(SegmentScannerTest, KeepsWhatStandsBeforeACut) {
  Add(0, "zero");
  const size_t cut = Add(1, "one");
  const std::string intact = content_;
  for (size_t size = cut; size < intact.size(); ++size) {
    content_ = intact.substr(0, size);
    EXPECT_THAT(Offsets(), ElementsAre(0)) << size;
  }
}

TEST_F(SegmentScannerTest, TakesNoRecordOfAnotherSeedOrOutOfOrder) {
  AppendRecord(kSeed + 1, 0, 0, "foreign", &content_);
  Add(1, "one");
  Add(1, "one again");
  Add(0, "zero, late");
  Add(4, "four");
  Add(9, "beyond the limit");
  EXPECT_THAT(Offsets(9), ElementsAre(1, 4));
}

TEST_F(SegmentScannerTest, APayloadThatLooksLikeARecordIsNone) {
  std::string fake;
  AppendRecord(kSeed + 1, 2, 0, "fake", &fake);
  Add(0, "zero");
  const size_t damaged = Add(1, fake);
  Add(5, "five");
  content_[damaged + 1] ^= 1;
  EXPECT_THAT(Offsets(), ElementsAre(0, 5));
}

TEST_F(SegmentScannerTest, AFileThatIsShorterThanTheLimitEnds) {
  Add(0, "zero");
  SegmentScanner scanner = Scanner();
  SegmentScanner::Record record;
  EXPECT_TRUE(scanner.Next(1 << 20, 10, &record).value());
  EXPECT_FALSE(scanner.Next(1 << 20, 10, &record).value());
}

TEST_F(SegmentScannerTest, ABadSectorCostsTheRecordsInIt) {
  for (int64_t offset = 0; offset < 8; ++offset) Add(offset, std::string(4096 - 32, 'x'));
  files_.FailReads("segment", 2 * 4096 + 5, 2 * 4096 + 6);
  EXPECT_THAT(Offsets(), ElementsAre(0, 1, 3, 4, 5, 6, 7));
}

TEST_F(SegmentScannerTest, ADiskThatReadsNothingIsAnErrorAndNoHole) {
  Add(0, "zero");
  SegmentScanner scanner = Scanner();
  files_.FailReads("segment", 0, INT64_MAX);
  SegmentScanner::Record record;
  const auto limit = static_cast<int64_t>(content_.size());
  EXPECT_EQ(scanner.Next(limit, 1, &record).status().code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  EXPECT_TRUE(scanner.Next(limit, 1, &record).value());
}

TEST_F(SegmentScannerTest, FindsNothingInAnEmptyFile) { EXPECT_THAT(Offsets(), IsEmpty()); }

}  // namespace
}  // namespace sluice::journal
