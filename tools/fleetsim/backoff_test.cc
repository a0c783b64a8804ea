#include "tools/fleetsim/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::fleetsim {
namespace {

TEST(BackoffTest, GrowsToABoundAndStartsAnewAfterReset) {
  Backoff backoff(1);
  EXPECT_LT(backoff.NextUs(), 300'000);
  int64_t largest = 0;
  for (int i = 0; i < 100; ++i) {
    const int64_t wait_us = backoff.NextUs();
    largest = std::max(largest, wait_us);
    EXPECT_GE(wait_us, 100'000);
    EXPECT_LE(wait_us, 7'500'000);
  }
  EXPECT_GT(largest, 4'000'000);
  backoff.Reset();
  EXPECT_LT(backoff.NextUs(), 300'000);
}

TEST(BackoffTest, DevicesDoNotComeBackTogether) {
  std::set<int64_t> waits;
  for (uint64_t device = 0; device < 100; ++device) waits.insert(Backoff(device).NextUs());
  EXPECT_GT(waits.size(), 90u);
}

}  // namespace
}  // namespace sluice::fleetsim
