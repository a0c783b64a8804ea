#ifndef SLUICE_LIBS_CLOCK_SHIFTED_CLOCK_H_
#define SLUICE_LIBS_CLOCK_SHIFTED_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/clock/clock.h"

namespace sluice {

// The machine's clocks, but for a wall clock that a test can make jump while the process runs: it
// is ahead by as many microseconds as the first 8 bytes of a file say (a signed number in the
// machine's byte order). Thread-safe.
class ShiftedClock final : public Clock {
 public:
  // INVALID_ARGUMENT, NOT_FOUND, …: the file is shorter than 8 bytes or cannot be read. It must not
  // be made shorter later.
  static absl::StatusOr<std::unique_ptr<ShiftedClock>> Open(const std::string& path);
  ~ShiftedClock() override;
  ShiftedClock(const ShiftedClock&) = delete;
  ShiftedClock& operator=(const ShiftedClock&) = delete;

  absl::Time Now() const override;
  absl::Duration Uptime() const override { return system_.Uptime(); }

 private:
  explicit ShiftedClock(const std::atomic<int64_t>* shift_us) : shift_us_(shift_us) {}

  const SystemClock system_;
  const std::atomic<int64_t>* const shift_us_;  // in the mapped file
};

// The clock of a process: SystemClock, or, if the environment variable SLUICE_CLOCK_SHIFT names a
// file, a ShiftedClock.
absl::StatusOr<std::unique_ptr<Clock>> ClockFromEnvironment();

}  // namespace sluice

#endif  // SLUICE_LIBS_CLOCK_SHIFTED_CLOCK_H_
