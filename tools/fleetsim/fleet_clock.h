#ifndef SLUICE_TOOLS_FLEETSIM_FLEET_CLOCK_H_
#define SLUICE_TOOLS_FLEETSIM_FLEET_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"
#include "libs/clock/clock.h"

namespace sluice::fleetsim {

// Microseconds since the run began, from a clock that never goes backwards. Thread-safe.
class FleetClock {
 public:
  explicit FleetClock(const Clock* clock)
      : clock_(clock), start_(clock->Uptime()), epoch_us_(absl::ToUnixMicros(clock->Now())) {}

  int64_t NowUs() const { return absl::ToInt64Microseconds(clock_->Uptime() - start_); }
  // The Unix epoch's microseconds at the run's time 0.
  int64_t epoch_us() const { return epoch_us_; }

 private:
  const Clock* const clock_;
  const absl::Duration start_;
  const int64_t epoch_us_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_FLEET_CLOCK_H_
