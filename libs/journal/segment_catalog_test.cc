#include "libs/journal/segment_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sluice::journal {
namespace {

std::shared_ptr<Segment> At(int64_t first_offset) {
  auto segment = std::make_shared<Segment>();
  segment->path = SegmentName(first_offset);
  segment->first_offset = first_offset;
  return segment;
}

DropRules Rules(int64_t max_bytes, int64_t hard_max_bytes, int64_t retention_point) {
  DropRules rules;
  rules.max_bytes = max_bytes;
  rules.hard_max_bytes = hard_max_bytes;
  rules.retention_point = retention_point;
  return rules;
}

// Segments of 1,000 bytes at 0, 10, 20 and 30; durable is everything up to offset 35.
class SegmentCatalogTest : public ::testing::Test {
 protected:
  SegmentCatalogTest() {
    for (int64_t i = 0; i < 4; ++i) {
      segments_.push_back(At(10 * i));
      segments_.back()->max_time_before_us = i == 0 ? INT64_MIN : 100 * i;
      catalog_.Add(segments_.back(), 1000);
    }
    catalog_.SetDurable(*segments_[3], 500, 35);
  }

  SegmentCatalog catalog_{0};
  std::vector<std::shared_ptr<Segment>> segments_;
};

TEST_F(SegmentCatalogTest, TellsWhereAnOffsetLies) {
  EXPECT_EQ(catalog_.Locate(0).segment, segments_[0]);
  EXPECT_EQ(catalog_.Locate(9).segment, segments_[0]);
  EXPECT_EQ(catalog_.Locate(10).segment, segments_[1]);
  EXPECT_EQ(catalog_.Locate(10).position, kSegmentHeaderBytes);
  EXPECT_EQ(catalog_.Locate(99).segment, segments_[3]);
  catalog_.AddIndexPoint(300, 33);
  EXPECT_EQ(catalog_.Locate(32).position, kSegmentHeaderBytes);
  EXPECT_EQ(catalog_.Locate(33).position, 300);
  EXPECT_EQ(catalog_.Locate(34).offset, 33);
}

TEST_F(SegmentCatalogTest, TellsHowFarASegmentMayBeRead) {
  EXPECT_TRUE(catalog_.Limit(*segments_[0]).closed);
  EXPECT_EQ(catalog_.Limit(*segments_[0]).position, 1000);
  EXPECT_EQ(catalog_.Limit(*segments_[0]).offset, 10);
  EXPECT_FALSE(catalog_.Limit(*segments_[3]).closed);
  EXPECT_EQ(catalog_.Limit(*segments_[3]).position, 500);
  EXPECT_EQ(catalog_.Limit(*segments_[3]).offset, 35);
  // Closed, but what was added since is not durable yet.
  catalog_.Add(At(40), 1000);
  EXPECT_FALSE(catalog_.Limit(*segments_[3]).closed);
  EXPECT_EQ(catalog_.Limit(*segments_[3]).position, 500);
}

TEST_F(SegmentCatalogTest, LearnsWhereRecordsLieInSegmentsFromBefore) {
  const int64_t far = kSegmentHeaderBytes + kIndexBytes;
  catalog_.LearnIndexPoint(*segments_[1], far - 1, 14);
  EXPECT_EQ(catalog_.Locate(15).position, kSegmentHeaderBytes);
  catalog_.LearnIndexPoint(*segments_[1], far, 15);
  catalog_.LearnIndexPoint(*segments_[1], far + kIndexBytes - 1, 17);
  catalog_.LearnIndexPoint(*At(11), 10 * far, 18);
  EXPECT_EQ(catalog_.Locate(14).position, kSegmentHeaderBytes);
  EXPECT_EQ(catalog_.Locate(19).position, far);
  EXPECT_EQ(catalog_.Locate(19).offset, 15);
}

TEST_F(SegmentCatalogTest, TellsHowMuchLiesBehindAnOffset) {
  EXPECT_EQ(catalog_.BytesFrom(-1), 3500);
  EXPECT_EQ(catalog_.BytesFrom(0), 3500);
  EXPECT_EQ(catalog_.BytesFrom(10), 2500);
  EXPECT_EQ(catalog_.BytesFrom(15), 1500 + (1000 - kSegmentHeaderBytes) / 2);
  EXPECT_EQ(catalog_.BytesFrom(30), 500);
  EXPECT_EQ(catalog_.BytesFrom(35), 0);
  EXPECT_EQ(catalog_.BytesFrom(99), 0);
  catalog_.AddIndexPoint(300, 33);
  EXPECT_EQ(catalog_.BytesFrom(33), 200);
  EXPECT_EQ(catalog_.BytesFrom(34), 100);
  EXPECT_EQ(catalog_.BytesFrom(31), 200 + (300 - kSegmentHeaderBytes) * 2 / 3);
  // What is not durable counts nothing.
  catalog_.AddIndexPoint(600, 38);
  catalog_.Add(At(40), 1000);
  EXPECT_EQ(catalog_.BytesFrom(34), 100);
  EXPECT_EQ(catalog_.BytesFrom(36), 0);
}

TEST_F(SegmentCatalogTest, FindsTheSegmentOfATime) {
  EXPECT_EQ(catalog_.FirstOffsetNear(-5), 0);
  EXPECT_EQ(catalog_.FirstOffsetNear(100), 0);
  EXPECT_EQ(catalog_.FirstOffsetNear(101), 10);
  EXPECT_EQ(catalog_.FirstOffsetNear(1000), 30);
}

TEST_F(SegmentCatalogTest, DropsTheOldestDownToTheBoundAndSparesWhatIsNeeded) {
  EXPECT_EQ(catalog_.bytes(), 3500);
  EXPECT_TRUE(catalog_.Drop(Rules(3500, 9000, INT64_MAX)).empty());
  const auto dropped = catalog_.Drop(Rules(1500, 9000, 20));
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(dropped[0].path, SegmentName(0));
  EXPECT_EQ(dropped[0].deleted_records, 10);
  EXPECT_EQ(catalog_.begin_offset(), 20);
  EXPECT_EQ(catalog_.bytes(), 1500);
  EXPECT_TRUE(catalog_.Drop(Rules(1, 9000, 29)).empty());
  EXPECT_TRUE(catalog_.Limit(*segments_[0]).closed);
  EXPECT_EQ(catalog_.Limit(*segments_[0]).offset, 20);
  EXPECT_EQ(catalog_.Locate(3).segment, nullptr);
  EXPECT_EQ(catalog_.Locate(3).begin_offset, 20);
}

TEST_F(SegmentCatalogTest, TheHardBoundDropsAlsoWhatIsNeededAndCountsIt) {
  const auto dropped = catalog_.Drop(Rules(100, 2500, 4));
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].deleted_records, 4);
  EXPECT_EQ(dropped[0].deleted_unacknowledged_records, 6);
  // The segment with the durable end stays, whatever the bounds.
  EXPECT_EQ(catalog_.Drop(Rules(0, 0, INT64_MAX)).size(), 2u);
  EXPECT_EQ(catalog_.segments(), 1);
}

TEST_F(SegmentCatalogTest, FreesSpaceByWholeSegmentsFirstOfWhatNobodyNeeds) {
  DropRules rules;
  rules.retention_point = 10;
  rules.missing_bytes = 1500;
  auto dropped = catalog_.Drop(rules);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].deleted_unacknowledged_records, 0);
  EXPECT_TRUE(catalog_.Drop(rules).empty());
  rules.missing_bytes_from_needed = true;
  dropped = catalog_.Drop(rules);
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(dropped[0].deleted_unacknowledged_records, 10);
  EXPECT_TRUE(dropped[0].for_reserve);
}

TEST_F(SegmentCatalogTest, LetsGoOfWhatIsStaleOneSegmentAtATimeAndNeverOfWhatIsNeeded) {
  DropRules rules;
  rules.retention_point = 19;
  rules.stale_before_us = 100;
  EXPECT_TRUE(catalog_.Drop(rules).empty());
  rules.stale_before_us = 1000;
  EXPECT_EQ(catalog_.Drop(rules).size(), 1u);
  EXPECT_TRUE(catalog_.Drop(rules).empty());
  rules.retention_point = INT64_MAX;
  EXPECT_EQ(catalog_.Drop(rules).size(), 1u);
  EXPECT_EQ(catalog_.Drop(rules).size(), 1u);
  EXPECT_TRUE(catalog_.Drop(rules).empty());
}

TEST_F(SegmentCatalogTest, TellsWhatMayBeFreed) {
  EXPECT_EQ(catalog_.BytesBelow(9), 0);
  EXPECT_EQ(catalog_.BytesBelow(29), 2000);
  EXPECT_EQ(catalog_.ClosedBytesFrom(29), 1000);
  // Not beyond what is durable.
  catalog_.Add(At(40), 1000);
  EXPECT_EQ(catalog_.BytesBelow(INT64_MAX), 3000);
  EXPECT_EQ(catalog_.ClosedBytesFrom(INT64_MAX), 1000);
  catalog_.Drop(Rules(3500, 9000, INT64_MAX));
  EXPECT_EQ(catalog_.BytesBelow(INT64_MAX), 2000);
}

TEST_F(SegmentCatalogTest, TellsWhatWasNeededFromWhatWasNot) {
  EXPECT_EQ(catalog_.Drop(Rules(0, 2500, 4)).size(), 1u);
  EXPECT_EQ(catalog_.dropped_before_begin(), 6);
  EXPECT_EQ(catalog_.Drop(Rules(0, 1500, 4)).size(), 1u);
  EXPECT_EQ(catalog_.dropped_before_begin(), 16);
  const auto gaps = catalog_.Classify(0, 20);
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(gaps[0].to, 4);
  EXPECT_EQ(gaps[0].reason, GapReason::kRetention);
  EXPECT_EQ(gaps[1].to, 20);
  EXPECT_EQ(gaps[1].reason, GapReason::kDropped);
  // Whoever holds records back has passed the hole.
  EXPECT_EQ(catalog_.Drop(Rules(0, INT64_MAX, 30)).size(), 1u);
  EXPECT_EQ(catalog_.dropped_before_begin(), 0);
}

TEST(SegmentCatalogGapTest, SaysWhyOffsetsAreGone) {
  SegmentCatalog catalog(5);
  catalog.Add(At(10), 0);
  auto after_power_loss = At(30);
  after_power_loss->skipped_before = 8;
  catalog.Add(after_power_loss, 100);
  const auto gaps = catalog.Classify(0, 40);
  ASSERT_EQ(gaps.size(), 4u);
  EXPECT_EQ(gaps[0].to, 5);
  EXPECT_EQ(gaps[0].reason, GapReason::kRetention);
  EXPECT_EQ(gaps[1].from, 5);
  EXPECT_EQ(gaps[1].to, 22);
  EXPECT_EQ(gaps[1].reason, GapReason::kCorruption);
  EXPECT_EQ(gaps[2].from, 22);
  EXPECT_EQ(gaps[2].to, 30);
  EXPECT_EQ(gaps[2].reason, GapReason::kUnknown);
  EXPECT_EQ(gaps[3].from, 30);
  EXPECT_EQ(gaps[3].to, 40);
  EXPECT_EQ(gaps[3].reason, GapReason::kCorruption);
  EXPECT_EQ(catalog.corrupt_records(), 17 + 10);
  catalog.Classify(0, 40);
  EXPECT_EQ(catalog.corrupt_records(), 17 + 10);
}

}  // namespace
}  // namespace sluice::journal
