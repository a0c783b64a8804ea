#include "tools/fleetsim/backoff.h"

#include <algorithm>

namespace sluice::fleetsim {

int64_t Backoff::NextUs() {
  random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
  const int64_t wait_us = base_us_ / 2 + static_cast<int64_t>((random_ >> 33) % base_us_);
  base_us_ = std::min(base_us_ * 2, kLargestUs);
  return wait_us;
}

}  // namespace sluice::fleetsim
