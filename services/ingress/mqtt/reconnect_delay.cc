#include "services/ingress/mqtt/reconnect_delay.h"

#include <algorithm>

namespace sluice::ingress {

absl::Duration ReconnectDelay::Next() {
  // Half fixed, half random: spread out, yet never a try without a pause.
  const double share = std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  const absl::Duration delay = ceiling_ * share;
  ceiling_ = std::min(ceiling_ * 2, kMax);
  return delay;
}

}  // namespace sluice::ingress
