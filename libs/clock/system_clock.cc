#include <time.h>

#include "absl/time/clock.h"
#include "libs/clock/clock.h"

namespace sluice {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::Uptime() const {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace sluice
