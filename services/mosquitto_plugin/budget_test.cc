#include "services/mosquitto_plugin/budget.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace sluice::mosquitto_plugin {
namespace {

constexpr uint64_t kSecondUs = 1'000'000;
// Any time of the machine's life.
constexpr uint64_t kStartUs = 5'000 * kSecondUs;

TEST(BudgetTest, BeginsFull) {
  Budget budget(10, 5);
  EXPECT_EQ(budget.Take(3, kStartUs), 3u);
  EXPECT_EQ(budget.Take(3, kStartUs), 2u);
  EXPECT_EQ(budget.Take(1, kStartUs), 0u);
  Budget at_boot(10, 5);
  EXPECT_EQ(at_boot.Take(6, 0), 5u);
}

TEST(BudgetTest, WithoutABudgetNothingIsGiven) {
  Budget budget;
  EXPECT_EQ(budget.Take(1, kStartUs), 0u);
  EXPECT_EQ(budget.Take(1, kStartUs + 3600 * kSecondUs), 0u);
}

TEST(BudgetTest, FillsAtItsRate) {
  Budget budget(10, 100);
  ASSERT_EQ(budget.Take(100, kStartUs), 100u);
  EXPECT_EQ(budget.Take(100, kStartUs + kSecondUs), 10u);
  EXPECT_EQ(budget.Take(100, kStartUs + 3 * kSecondUs), 20u);
  EXPECT_EQ(budget.Take(1, kStartUs + 3 * kSecondUs + 99'999), 0u);
  EXPECT_EQ(budget.Take(1, kStartUs + 3 * kSecondUs + 100'000), 1u);
}

TEST(BudgetTest, NeverHoldsMoreThanItsBurst) {
  Budget budget(10, 5);
  for (const uint64_t pause_us : {kSecondUs, 59 * kSecondUs, 61 * kSecondUs, 3600 * kSecondUs}) {
    Budget rested = budget;
    EXPECT_EQ(rested.Take(4, kStartUs), 4u);
    EXPECT_EQ(rested.Take(100, kStartUs + pause_us), 5u) << pause_us;
  }
}

TEST(BudgetTest, TimeThatStandsStillOrGoesBackGivesNothing) {
  Budget budget(10, 5);
  ASSERT_EQ(budget.Take(5, kStartUs), 5u);
  EXPECT_EQ(budget.Take(1, kStartUs), 0u);
  EXPECT_EQ(budget.Take(1, kStartUs - 1000 * kSecondUs), 0u);
  EXPECT_EQ(budget.Take(1, 0), 0u);
  // Nor does its return.
  EXPECT_EQ(budget.Take(5, kStartUs), 0u);
  EXPECT_EQ(budget.Take(5, kStartUs + 100'000), 1u);
}

// However often and at what intervals it is asked, it gives what the time is worth.
TEST(BudgetTest, FractionsAreNotLost) {
  for (const uint64_t per_s : {uint64_t{3}, uint64_t{50}, uint64_t{100}, uint64_t{200'000}}) {
    for (const uint64_t step_us : {1u, 7u, 999u, 19'999u, 333'333u}) {
      Budget budget(per_s, per_s);
      uint64_t now_us = kStartUs;
      ASSERT_EQ(budget.Take(per_s, now_us), per_s);
      uint64_t taken = 0;
      while (now_us < kStartUs + 3 * kSecondUs) taken += budget.Take(per_s, now_us += step_us);
      EXPECT_EQ(taken, (now_us - kStartUs) * per_s / kSecondUs) << per_s << " " << step_us;
    }
  }
}

TEST(BudgetTest, NothingOverflows) {
  Budget budget(1'000'000, 1'000'000);
  EXPECT_EQ(budget.Take(UINT64_MAX, kStartUs), 1'000'000u);
  EXPECT_EQ(budget.Take(UINT64_MAX, kStartUs + 60 * kSecondUs), 1'000'000u);
  EXPECT_EQ(budget.Take(UINT64_MAX, UINT64_MAX), 1'000'000u);
  EXPECT_EQ(budget.Take(UINT64_MAX, UINT64_MAX), 0u);
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
