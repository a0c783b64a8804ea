#include "services/ingress/mqtt/reconnect_delay.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

namespace sluice::ingress {
namespace {

TEST(ReconnectDelayTest, FirstTryWithinASecondAndNeverOverThirty) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    ReconnectDelay delay(seed);
    absl::Duration total;
    for (int round = 0; round < 20; ++round) {
      const absl::Duration wait = delay.Next();
      if (round == 0) {
        EXPECT_LE(wait, absl::Seconds(1)) << "seed " << seed;
      }
      EXPECT_GT(wait, absl::Milliseconds(100)) << "seed " << seed;
      EXPECT_LE(wait, absl::Seconds(30)) << "seed " << seed;
      total += wait;
    }
    EXPECT_GT(total, absl::Seconds(200)) << "backs off, seed " << seed;
    delay.Reset();
    EXPECT_LE(delay.Next(), absl::Seconds(1)) << "seed " << seed;
  }
}

TEST(ReconnectDelayTest, DiffersBetweenClients) {
  std::set<absl::Duration> first;
  for (uint64_t seed = 0; seed < 50; ++seed) first.insert(ReconnectDelay(seed).Next());
  EXPECT_GT(first.size(), 40u);
}

}  // namespace
}  // namespace sluice::ingress
