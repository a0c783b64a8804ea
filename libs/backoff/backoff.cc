#include "libs/backoff/backoff.h"

#include <algorithm>

namespace sluice {

absl::Duration Backoff::Next() {
  // Half fixed, half random: spread out, yet never a try without a pause.
  const double share = std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  const absl::Duration wait = ceiling_ * share;
  ceiling_ = std::min(ceiling_ * 2, longest_);
  return wait;
}

}  // namespace sluice
