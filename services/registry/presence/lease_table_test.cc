#include "services/registry/presence/lease_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kNow = absl::Seconds(1000);
constexpr absl::Duration kLease = absl::Seconds(30);

TEST(LeaseTableTest, ALeaseThatIsRenewedInTimeKeepsItsNumber) {
  LeaseTable leases;
  const auto first = leases.Renew("one", kLease, kNow);
  EXPECT_TRUE(first->was_lost);
  const auto second = leases.Renew("one", kLease, kNow + absl::Seconds(29));
  EXPECT_FALSE(second->was_lost);
  EXPECT_EQ(second->number, first->number);
  EXPECT_THAT(leases.TakeEnded(kNow + absl::Seconds(58)), IsEmpty());
  EXPECT_TRUE(leases.Holds(first->number, kNow + absl::Seconds(58)));
  EXPECT_THAT(leases.TakeEnded(kNow + absl::Seconds(59)), ElementsAre(first->number));
  EXPECT_THAT(leases.TakeEnded(kNow + absl::Seconds(59)), IsEmpty());
  EXPECT_FALSE(leases.Holds(first->number, kNow + absl::Seconds(59)));
}

TEST(LeaseTableTest, ARenewalThatComesTooLateIsANewLease) {
  LeaseTable leases;
  const int32_t first = leases.Renew("one", kLease, kNow)->number;
  const auto late = leases.Renew("one", kLease, kNow + kLease);
  EXPECT_TRUE(late->was_lost);
  EXPECT_NE(late->number, first);
  EXPECT_FALSE(leases.Holds(first, kNow + kLease));
  EXPECT_THAT(leases.TakeEnded(kNow + kLease), ElementsAre(first));
}

TEST(LeaseTableTest, AnUnnamedLeaseEnds) {
  LeaseTable leases;
  const int32_t number = leases.Begin(kLease, kNow);
  EXPECT_THAT(leases.TakeEnded(kNow), IsEmpty());
  EXPECT_THAT(leases.TakeEnded(kNow + kLease), ElementsAre(number));
  EXPECT_THAT(leases.TakeEnded(kNow + kLease), IsEmpty());
}

TEST(LeaseTableTest, InstancesAreBounded) {
  LeaseTable leases;
  for (size_t i = 0; i < LeaseTable::kMaxInstances; ++i) {
    ASSERT_TRUE(leases.Renew(absl::StrCat("i", i), kLease, kNow).ok());
  }
  EXPECT_EQ(leases.Renew("more", kLease, kNow).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(leases.Renew("i0", kLease, kNow).ok());
  leases.TakeEnded(kNow + kLease);
  EXPECT_TRUE(leases.Renew("more", kLease, kNow + kLease).ok());
}

}  // namespace
}  // namespace sluice::registry
