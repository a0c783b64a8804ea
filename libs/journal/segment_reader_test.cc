#include "libs/journal/segment_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "libs/file/memory_file_system.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSeed = 3;

// Segments of ten records each.
class SegmentReaderTest : public ::testing::Test {
 protected:
  void AddSegment() {
    auto segment = std::make_shared<Segment>();
    segment->path = "/d/" + SegmentName(end_offset_);
    segment->seed = kSeed;
    segment->first_offset = end_offset_;
    std::string content(kSegmentHeaderBytes, '\0');
    for (int i = 0; i < 10; ++i) AppendRecord(kSeed, end_offset_++, 0, "record", &content);
    files_.SetContent(segment->path, content);
    const auto size = static_cast<int64_t>(content.size());
    catalog_.Add(segment, size);
    catalog_.SetDurable(*segment, size, end_offset_);
    segments_.push_back(std::move(segment));
  }

  static std::vector<int64_t> Offsets(const JournalBatch& batch) {
    std::vector<int64_t> offsets;
    for (const JournalRecord& record : batch.records) offsets.push_back(record.offset);
    return offsets;
  }

  MemoryFileSystem files_;
  SegmentCatalog catalog_{0};
  std::vector<std::shared_ptr<Segment>> segments_;
  int64_t end_offset_ = 0;
};

TEST_F(SegmentReaderTest, GoesFromSegmentToSegment) {
  AddSegment();
  AddSegment();
  SegmentReader reader(&files_, &catalog_, 8);
  EXPECT_THAT(Offsets(reader.Read(4, 1000).value()), ElementsAre(8, 9, 10, 11));
  EXPECT_EQ(Offsets(reader.Read(100, 1000).value()).size(), 8u);
  EXPECT_THAT(reader.Read(100, 1000)->records, IsEmpty());
  AddSegment();
  EXPECT_EQ(Offsets(reader.Read(100, 1000).value()).front(), 20);
}

TEST_F(SegmentReaderTest, ASegmentThatIsDeletedUnderItIsAGapOfRetention) {
  for (int i = 0; i < 4; ++i) AddSegment();
  SegmentReader reader(&files_, &catalog_, 0);
  EXPECT_THAT(Offsets(reader.Read(2, 1000).value()), ElementsAre(0, 1));
  DropRules rules;
  rules.max_bytes = 900;
  for (const DroppedSegment& dropped : catalog_.Drop(rules)) {
    ASSERT_TRUE(files_.Remove(dropped.path).ok());
  }
  ASSERT_EQ(catalog_.begin_offset(), 30);
  const JournalBatch batch = reader.Read(2, 1000).value();
  ASSERT_EQ(batch.gaps.size(), 1u);
  EXPECT_EQ(batch.gaps[0].from, 2);
  EXPECT_EQ(batch.gaps[0].to, 30);
  EXPECT_EQ(batch.gaps[0].reason, GapReason::kRetention);
  EXPECT_THAT(Offsets(batch), ElementsAre(30, 31));
}

TEST_F(SegmentReaderTest, AFileThatSomebodyDeletedIsDamage) {
  AddSegment();
  AddSegment();
  ASSERT_TRUE(files_.Remove(segments_[1]->path).ok());
  SegmentReader reader(&files_, &catalog_, 5);
  const JournalBatch batch = reader.Read(100, 1000).value();
  EXPECT_THAT(Offsets(batch), ElementsAre(5, 6, 7, 8, 9));
  ASSERT_EQ(batch.gaps.size(), 1u);
  EXPECT_EQ(batch.gaps[0].reason, GapReason::kCorruption);
  EXPECT_EQ(batch.next_offset, 20);
}

TEST_F(SegmentReaderTest, AReadErrorLosesNothingThatWasReadBefore) {
  AddSegment();
  AddSegment();
  SegmentReader reader(&files_, &catalog_, 8);
  files_.FailReads(SegmentName(10), 0, INT64_MAX);
  EXPECT_THAT(Offsets(reader.Read(100, 1000).value()), ElementsAre(8, 9));
  EXPECT_EQ(reader.Read(100, 1000).status().code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  EXPECT_EQ(Offsets(reader.Read(100, 1000).value()).front(), 10);
}

}  // namespace
}  // namespace sluice::journal
