#include "libs/file/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"
#include "libs/file/file_error.h"

namespace sluice {
namespace {

absl::Status MakeDirectories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return FileError(errno, absl::StrCat("data directory ", path, ": making ", part));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDir>> DataDir::Open(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("data_dir: must not be empty");
  if (absl::Status status = MakeDirectories(path); !status.ok()) return status;
  const std::string lock_path = path + "/LOCK";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(errno, absl::StrCat("data directory ", path, ": opening LOCK"));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const absl::StatusOr<std::string> pid = ReadFile(lock_path, 32);
    close(fd);
    return absl::FailedPreconditionError(absl::StrCat("data directory ", path,
                                                      " is in use by the process with pid ",
                                                      pid.ok() ? *pid : "unknown"));
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const absl::Status status =
        FileError(errno, absl::StrCat("data directory ", path, ": writing LOCK"));
    close(fd);
    return status;
  }
  return std::unique_ptr<DataDir>(new DataDir(path, fd));
}

DataDir::~DataDir() { close(lock_fd_); }

}  // namespace sluice
