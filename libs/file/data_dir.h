#ifndef SLUICE_LIBS_FILE_DATA_DIR_H_
#define SLUICE_LIBS_FILE_DATA_DIR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice {

// A directory that this process alone uses, for as long as the object lives.
class DataDir {
 public:
  // Makes the directory (0700) and its parents if missing, and locks it (flock on DIR/LOCK, so that
  // kill -9 leaves no stale lock). FAILED_PRECONDITION names the pid of the process that has it;
  // PERMISSION_DENIED and others are what the file system said: the directory must be writable.
  static absl::StatusOr<std::unique_ptr<DataDir>> Open(const std::string& path);
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  DataDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  const std::string path_;
  const int lock_fd_;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_FILE_DATA_DIR_H_
