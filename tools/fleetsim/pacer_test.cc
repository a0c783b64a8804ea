#include "tools/fleetsim/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::fleetsim {
namespace {

int64_t SendAll(Pacer* pacer, int64_t now_us) {
  const int64_t count = pacer->Allowance(now_us);
  pacer->Sent(count);
  return count;
}

TEST(PacerTest, ComesEvenlyAtTheRate) {
  Pacer pacer(1000, 5'000'000);
  int64_t total = 0, largest = 0;
  for (int64_t ms = 0; ms < 10'000; ++ms) {
    const int64_t count = SendAll(&pacer, 5'000'000 + ms * 1000);
    total += count;
    largest = std::max(largest, count);
  }
  EXPECT_NEAR(total, 10'000, 1);
  EXPECT_LE(largest, 2);
}

TEST(PacerTest, LowRatesAreKept) {
  Pacer pacer(0.5, 0);
  int64_t total = 0;
  for (int64_t ms = 0; ms < 60'000; ++ms) total += SendAll(&pacer, ms * 1000);
  EXPECT_NEAR(total, 30, 1);
}

TEST(PacerTest, CatchesUpAtTwiceTheRateWithoutABurst) {
  Pacer pacer(1000, 0);
  SendAll(&pacer, 0);
  int64_t at_ms = 3000;  // Nothing could be sent for three seconds.
  int64_t largest = 0, total = 1;
  for (; total < at_ms && at_ms < 20'000; ++at_ms) {
    const int64_t count = SendAll(&pacer, at_ms * 1000);
    largest = std::max(largest, count);
    total += count;
  }
  EXPECT_LE(largest, 41);
  EXPECT_NEAR(at_ms, 6000, 50) << "3 s behind are made good in 3 s";
  EXPECT_EQ(pacer.given_up(), 0);
}

TEST(PacerTest, GivesUpWhatIsMoreThanTenSecondsBehind) {
  Pacer pacer(100, 0);
  SendAll(&pacer, 0);
  EXPECT_LE(SendAll(&pacer, 60'000'000), 5);
  EXPECT_NEAR(pacer.given_up(), 5000, 1);
}

TEST(PacerTest, NothingIsOwedBeforeTheStart) {
  Pacer pacer(1e6, 1000);
  EXPECT_EQ(pacer.Allowance(1000), 1);
}

}  // namespace
}  // namespace sluice::fleetsim
