#include "libs/subscription/subscription_proto.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(StartFromProtoTest, TakesEveryPosition) {
  v1::Start start;
  EXPECT_EQ(StartFromProto(start, "start")->kind, StartPosition::Kind::kDefault);
  start.mutable_earliest();
  EXPECT_EQ(StartFromProto(start, "start")->kind, StartPosition::Kind::kEarliest);
  start.mutable_latest();
  EXPECT_EQ(StartFromProto(start, "start")->kind, StartPosition::Kind::kLatest);
  start.mutable_resume();
  EXPECT_EQ(StartFromProto(start, "start")->kind, StartPosition::Kind::kResume);
  start.set_offset(0);
  EXPECT_EQ(StartFromProto(start, "start")->kind, StartPosition::Kind::kOffset);
  start.mutable_time()->set_seconds(5);
  start.mutable_time()->set_nanos(1000);
  EXPECT_EQ(StartFromProto(start, "start")->time, absl::FromUnixMicros(5'000'001));
}

TEST(StartFromProtoTest, NamesTheFieldThatIsWrong) {
  v1::Start start;
  start.set_offset(-1);
  EXPECT_EQ(StartFromProto(start, "start").status().message(),
            "start.offset: must not be negative");
  start.mutable_time()->set_nanos(-1);
  EXPECT_FALSE(StartFromProto(start, "start").ok());
  start.mutable_time()->set_nanos(0);
  start.mutable_time()->set_seconds(INT64_MAX);
  EXPECT_FALSE(StartFromProto(start, "start").ok());
}

TEST(ExpireAfterTest, IsInfiniteUnlessSet) {
  v1::Subscription subscription;
  EXPECT_EQ(ExpireAfterFromProto(subscription, "s").value(), absl::InfiniteDuration());
  subscription.mutable_expire_after()->set_seconds(60);
  EXPECT_EQ(ExpireAfterFromProto(subscription, "s").value(), absl::Minutes(1));
  subscription.mutable_expire_after()->set_seconds(-60);
  EXPECT_EQ(ExpireAfterFromProto(subscription, "s").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ToProtoTest, TellsAllOfASubscription) {
  SubscriptionInfo info;
  info.name = "cloud";
  info.cursor = 1;
  info.epoch = 2;
  info.create_time = absl::FromUnixSeconds(10);
  info.last_used_time = absl::FromUnixSeconds(20);
  info.lag_records = 3;
  info.connected = true;
  info.lag_bytes = 4;
  EXPECT_FALSE(ToProto(info).has_expire_after());
  EXPECT_FALSE(ToProto(info).has_oldest_unacknowledged_time());
  info.oldest_time = absl::FromUnixSeconds(30);
  info.expire_after = absl::Hours(1);
  const v1::Subscription subscription = ToProto(info);
  EXPECT_EQ(subscription.name(), "cloud");
  EXPECT_EQ(subscription.cursor(), 1);
  EXPECT_EQ(subscription.epoch(), 2);
  EXPECT_EQ(subscription.expire_after().seconds(), 3600);
  EXPECT_EQ(subscription.create_time().seconds(), 10);
  EXPECT_EQ(subscription.last_used_time().seconds(), 20);
  EXPECT_EQ(subscription.lag_records(), 3);
  EXPECT_TRUE(subscription.connected());
  EXPECT_EQ(subscription.lag_bytes(), 4);
  EXPECT_EQ(subscription.oldest_unacknowledged_time().seconds(), 30);
}

TEST(AddGapsTest, KeepsTheReasonAndCountsWhatIsKnown) {
  google::protobuf::RepeatedPtrField<v1::Gap> gaps;
  AddGaps({{1, 2, GapReason::kRetention},
           {2, 3, GapReason::kCorruption},
           {3, 5, GapReason::kUnknown},
           {5, 9, GapReason::kDropped}},
          &gaps);
  ASSERT_EQ(gaps.size(), 4);
  EXPECT_EQ(gaps[0].reason(), v1::GAP_REASON_RETENTION);
  EXPECT_EQ(gaps[1].reason(), v1::GAP_REASON_CORRUPTION);
  EXPECT_EQ(gaps[2].reason(), v1::GAP_REASON_UNSPECIFIED);
  EXPECT_EQ(gaps[2].from_offset(), 3);
  EXPECT_EQ(gaps[2].to_offset(), 5);
  EXPECT_EQ(gaps[2].count(), 0);
  EXPECT_EQ(gaps[3].reason(), v1::GAP_REASON_DROPPED);
  EXPECT_EQ(gaps[3].count(), 4);
}

}  // namespace
}  // namespace sluice
