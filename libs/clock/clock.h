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

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Uptime() const override;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_CLOCK_CLOCK_H_
