#include "services/mosquitto_plugin/refusal_news.h"

#include <gtest/gtest.h>

namespace sluice::mosquitto_plugin {
namespace {

using mqtt_record::kNoReader;
using mqtt_record::kRingFull;
using mqtt_record::kSync;
using News = RefusalNews::News;

constexpr uint64_t kStartMs = 1'000'000;
constexpr uint64_t kMinuteMs = 60'000;

class RefusalNewsTest : public testing::Test {
 protected:
  News Refused(mqtt_record::Reason reason, uint64_t now_ms) {
    return news_.Refused(reason, now_ms, &count_);
  }

  RefusalNews news_;
  uint64_t count_ = 0;
};

TEST_F(RefusalNewsTest, TakingIsNoNews) {
  EXPECT_EQ(news_.Taken(0), News::kNone);
  EXPECT_EQ(news_.Taken(kStartMs), News::kNone);
}

TEST_F(RefusalNewsTest, TellsTheFirstOfAReasonAtOnce) {
  EXPECT_EQ(Refused(kRingFull, kStartMs), News::kRefusing);
  EXPECT_EQ(count_, 1u);
  EXPECT_EQ(Refused(kRingFull, kStartMs), News::kNone);
  EXPECT_EQ(Refused(kSync, kStartMs + 1), News::kRefusing);
  EXPECT_EQ(count_, 1u);
}

TEST_F(RefusalNewsTest, TellsOnceAMinuteHowManyItWere) {
  ASSERT_EQ(Refused(kRingFull, kStartMs), News::kRefusing);
  for (uint64_t ms = 1; ms < kMinuteMs; ++ms) {
    ASSERT_EQ(Refused(kRingFull, kStartMs + ms), News::kNone);
  }
  ASSERT_EQ(Refused(kNoReader, kStartMs + kMinuteMs - 1), News::kRefusing);
  EXPECT_EQ(count_, 1u);
  EXPECT_EQ(Refused(kRingFull, kStartMs + kMinuteMs), News::kRefusing);
  EXPECT_EQ(count_, kMinuteMs);
  EXPECT_EQ(Refused(kRingFull, kStartMs + 2 * kMinuteMs - 1), News::kNone);
  EXPECT_EQ(Refused(kRingFull, kStartMs + 2 * kMinuteMs), News::kRefusing);
  EXPECT_EQ(count_, 2u);
}

TEST_F(RefusalNewsTest, TellsOnceThatMessagesAreTakenAgain) {
  ASSERT_EQ(Refused(kRingFull, kStartMs), News::kRefusing);
  EXPECT_EQ(news_.Taken(kStartMs + 4'999), News::kNone);
  EXPECT_EQ(news_.Taken(kStartMs + 5'000), News::kTakingAgain);
  EXPECT_EQ(news_.Taken(kStartMs + 5'001), News::kNone);
}

TEST_F(RefusalNewsTest, SomeTakenBetweenRefusalsIsNoEnd) {
  ASSERT_EQ(Refused(kRingFull, kStartMs), News::kRefusing);
  for (uint64_t ms = 1'000; ms < kMinuteMs; ms += 1'000) {
    EXPECT_EQ(news_.Taken(kStartMs + ms), News::kNone);
    EXPECT_EQ(Refused(kRingFull, kStartMs + ms), News::kNone);
  }
}

TEST_F(RefusalNewsTest, OneDeviceThatComesAndGoesIsNoNewsEachTime) {
  ASSERT_EQ(Refused(kRingFull, kStartMs), News::kRefusing);
  ASSERT_EQ(news_.Taken(kStartMs + 5'000), News::kTakingAgain);
  for (uint64_t ms = 6'000; ms < kMinuteMs; ms += 6'000) {
    EXPECT_EQ(Refused(kRingFull, kStartMs + ms), News::kNone);
    EXPECT_EQ(news_.Taken(kStartMs + ms + 5'500), News::kNone);
  }
  EXPECT_EQ(Refused(kRingFull, kStartMs + kMinuteMs), News::kRefusing);
  EXPECT_EQ(count_, 10u) << "with those that were not told";
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
