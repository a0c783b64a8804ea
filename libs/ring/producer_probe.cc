#include "libs/ring/producer_probe.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::ring {

bool HasProducer(const std::string& path) {
  const int fd = open((path + ".lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);  // gives the lock up
  return locked;
}

}  // namespace sluice::ring
