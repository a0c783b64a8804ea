#include "libs/clock/shifted_clock.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "absl/time/clock.h"

namespace sluice {
namespace {

std::string ShiftFile(absl::Duration shift) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/shift";
  const int64_t shift_us = absl::ToInt64Microseconds(shift);
  // In place: it may be mapped.
  std::fstream(path, std::ios::app);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.write(reinterpret_cast<const char*>(&shift_us), sizeof(shift_us));
  return path;
}

TEST(ShiftedClockTest, JumpsWhenTheFileSaysSo) {
  const auto clock = ShiftedClock::Open(ShiftFile(absl::ZeroDuration())).value();
  EXPECT_LT(absl::AbsDuration(clock->Now() - absl::Now()), absl::Minutes(1));
  for (const absl::Duration shift : {absl::Hours(24 * 3650), -absl::Hours(24 * 3650)}) {
    ShiftFile(shift);
    EXPECT_LT(absl::AbsDuration(clock->Now() - shift - absl::Now()), absl::Minutes(1));
    EXPECT_LT(absl::AbsDuration(clock->Uptime() - SystemClock().Uptime()), absl::Minutes(1));
  }
}

TEST(ShiftedClockTest, IsWhatTheEnvironmentAsksFor) {
  unsetenv("SLUICE_CLOCK_SHIFT");
  EXPECT_LT(absl::AbsDuration(ClockFromEnvironment().value()->Now() - absl::Now()),
            absl::Minutes(1));
  setenv("SLUICE_CLOCK_SHIFT", ShiftFile(absl::Hours(48)).c_str(), 1);
  EXPECT_GT(ClockFromEnvironment().value()->Now() - absl::Now(), absl::Hours(47));
  setenv("SLUICE_CLOCK_SHIFT", "/dev/null", 1);
  EXPECT_EQ(ClockFromEnvironment().status().message(), "clock shift /dev/null: holds no 8 bytes");
  setenv("SLUICE_CLOCK_SHIFT", "/no/such/file", 1);
  EXPECT_EQ(ClockFromEnvironment().status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice
