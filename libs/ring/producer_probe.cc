#include "libs/ring/producer_probe.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::ring {

absl::StatusOr<bool> HasProducer(const std::string& path) {
  const std::string lock = path + ".lock";
  const int fd = open(lock.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    // No producer was ever here.
    if (errno == ENOENT) return false;
    return absl::ErrnoToStatus(errno, absl::StrCat("open ", lock));
  }
  const int error = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  close(fd);  // gives the lock up
  if (error == 0) return false;
  if (error == EWOULDBLOCK) return true;
  return absl::ErrnoToStatus(error, absl::StrCat("lock ", lock));
}

}  // namespace sluice::ring
