#include "libs/backoff/backoff.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

namespace sluice {
namespace {

TEST(BackoffTest, GrowsFromTheFirstWaitToTheLongest) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(absl::Seconds(1), absl::Seconds(30), seed);
    absl::Duration total;
    for (int round = 0; round < 20; ++round) {
      const absl::Duration wait = backoff.Next();
      if (round == 0) {
        EXPECT_LE(wait, absl::Seconds(1)) << "seed " << seed;
      }
      EXPECT_GE(wait, absl::Milliseconds(500)) << "seed " << seed;
      EXPECT_LE(wait, absl::Seconds(30)) << "seed " << seed;
      total += wait;
    }
    EXPECT_GT(total, absl::Seconds(200)) << "backs off, seed " << seed;
    backoff.Reset();
    EXPECT_LE(backoff.Next(), absl::Seconds(1)) << "seed " << seed;
  }
}

TEST(BackoffTest, DiffersBetweenThoseWhoFailedTogether) {
  std::set<absl::Duration> first;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    first.insert(Backoff(absl::Seconds(1), absl::Seconds(30), seed).Next());
  }
  EXPECT_GT(first.size(), 40u);
}

}  // namespace
}  // namespace sluice
