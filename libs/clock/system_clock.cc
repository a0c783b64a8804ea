#include <chrono>

#include "absl/time/clock.h"
#include "libs/clock/clock.h"

namespace sluice {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::Uptime() const {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace sluice
