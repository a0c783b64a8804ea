#include "libs/journal/damage_ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sluice::journal {
namespace {

TEST(DamageLedgerTest, CountsEachOffsetOnce) {
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  DamageLedger ledger;
  std::set<int64_t> damaged;
  for (int i = 0; i < 2000; ++i) {
    const int64_t from = random() % 3000;
    const int64_t to = from + random() % 10;
    ledger.Add(from, to);
    for (int64_t offset = from; offset < to; ++offset) damaged.insert(offset);
    ASSERT_EQ(ledger.damaged(), static_cast<int64_t>(damaged.size())) << "seed " << seed;
  }
}

TEST(DamageLedgerTest, StaysBoundedAndStillCounts) {
  DamageLedger ledger;
  for (int64_t i = 0; i < 2 * DamageLedger::kMaxHoles; ++i) ledger.Add(2 * i, 2 * i + 1);
  EXPECT_EQ(ledger.damaged(), 2 * DamageLedger::kMaxHoles);
  ledger.ForgetBelow(INT64_MAX);
  ledger.Add(1, 2);
  ledger.Add(1, 2);
  EXPECT_EQ(ledger.damaged(), 2 * DamageLedger::kMaxHoles + 1);
}

}  // namespace
}  // namespace sluice::journal
