#ifndef SLUICE_LIBS_CLOCK_CLOCK_H_
#define SLUICE_LIBS_CLOCK_CLOCK_H_

#include "absl/time/time.h"

namespace sluice {

// Where units get the time from, so that tests can turn it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time: may jump in either direction. For what people and other machines see.
  virtual absl::Time Now() const = 0;

  // Time since some fixed moment: never goes backwards. For intervals and deadlines.
  virtual absl::Duration Uptime() const = 0;
};

// One moment by both clocks.
struct Moment {
  absl::Time time;
  absl::Duration uptime;
};

inline Moment MomentOf(const Clock& clock) { return {clock.Now(), clock.Uptime()}; }

// The machine's clocks. Its uptime is CLOCK_BOOTTIME, which all processes of the machine share and
// which goes on while the machine sleeps.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Uptime() const override;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_CLOCK_CLOCK_H_
