#include "libs/clock/shifted_clock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice {

using Shift = std::atomic<int64_t>;
static_assert(sizeof(Shift) == 8 && Shift::is_always_lock_free);

absl::StatusOr<std::unique_ptr<ShiftedClock>> ShiftedClock::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("clock shift ", path));
  struct stat info {};
  if (fstat(fd, &info) != 0 || info.st_size < static_cast<off_t>(sizeof(Shift))) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat("clock shift ", path, ": holds no 8 bytes"));
  }
  void* const mapped = mmap(nullptr, sizeof(Shift), PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  close(fd);
  if (mapped == MAP_FAILED) return absl::ErrnoToStatus(error, absl::StrCat("clock shift ", path));
  return std::unique_ptr<ShiftedClock>(new ShiftedClock(static_cast<const Shift*>(mapped)));
}

ShiftedClock::~ShiftedClock() { munmap(const_cast<Shift*>(shift_us_), sizeof(Shift)); }

absl::Time ShiftedClock::Now() const {
  return system_.Now() + absl::Microseconds(shift_us_->load(std::memory_order_relaxed));
}

absl::StatusOr<std::unique_ptr<Clock>> ClockFromEnvironment() {
  const char* const path = std::getenv("SLUICE_CLOCK_SHIFT");
  if (path == nullptr) return std::make_unique<SystemClock>();
  return ShiftedClock::Open(path);
}

}  // namespace sluice
