#include "services/ingress/dead_letters/dead_letter_filter.h"

#include <gtest/gtest.h>

namespace sluice::ingress {
namespace {

v1::DeadLetter Letter() {
  v1::DeadLetter letter;
  letter.set_device_id("a/b");
  letter.set_reason(v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID);
  letter.mutable_received_time()->set_seconds(100);
  return letter;
}

bool Matches(const v1::DeadLetterFilter& filter) {
  return DeadLetterFilter::Create(filter).value().Matches(Letter());
}

TEST(DeadLetterFilterTest, AnEmptyOneMatchesAll) {
  EXPECT_TRUE(Matches({}));
  EXPECT_TRUE(DeadLetterFilter::Create({}).value().Matches({}));
}

TEST(DeadLetterFilterTest, EachPartMustMatch) {
  v1::DeadLetterFilter filter;
  filter.add_reasons(v1::DEAD_LETTER_REASON_MALFORMED);
  EXPECT_FALSE(Matches(filter));
  filter.add_reasons(v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID);
  EXPECT_TRUE(Matches(filter));
  filter.add_device_ids("b");
  EXPECT_FALSE(Matches(filter));
  filter.add_device_ids("a/b");
  EXPECT_TRUE(Matches(filter));
  filter.mutable_received_from()->set_seconds(101);
  EXPECT_FALSE(Matches(filter));
  filter.mutable_received_from()->set_seconds(100);
  EXPECT_TRUE(Matches(filter));
  filter.mutable_received_before()->set_seconds(100);
  EXPECT_FALSE(Matches(filter));
  filter.mutable_received_before()->set_nanos(1);
  EXPECT_TRUE(Matches(filter));
}

TEST(DeadLetterFilterTest, RefusesWhatMakesNoSense) {
  const auto refused = [](const v1::DeadLetterFilter& filter) {
    return absl::IsInvalidArgument(DeadLetterFilter::Create(filter).status());
  };
  v1::DeadLetterFilter filter;
  filter.add_reasons(v1::DEAD_LETTER_REASON_UNSPECIFIED);
  EXPECT_TRUE(refused(filter));
  filter.set_reasons(0, static_cast<v1::DeadLetterReason>(99));
  EXPECT_TRUE(refused(filter));
  filter = {};
  for (int i = 0; i < 1001; ++i) filter.add_device_ids("a");
  EXPECT_TRUE(refused(filter));
  filter = {};
  filter.mutable_received_from()->set_seconds(-1);
  EXPECT_TRUE(refused(filter));
  filter = {};
  filter.mutable_received_before()->set_nanos(1'000'000'000);
  EXPECT_TRUE(refused(filter));
}

}  // namespace
}  // namespace sluice::ingress
