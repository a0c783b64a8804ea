#ifndef SLUICE_LIBS_FILE_FILE_SYSTEM_H_
#define SLUICE_LIBS_FILE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice {

// The file system as the units that promise durability use it, so that tests can take the power
// away. All of it is thread-safe; errors are RESOURCE_EXHAUSTED (no space, too many open files),
// PERMISSION_DENIED, NOT_FOUND and UNAVAILABLE (everything else, also a file system that is
// read-only), with the path in the message.

// An open file.
class File {
 public:
  virtual ~File() = default;

  // Reads `size` bytes at `position` into `out` and returns how many came: fewer only at the end of
  // the file.
  virtual absl::StatusOr<size_t> Read(int64_t position, size_t size, char* out) = 0;

  // Writes all of `bytes` at `position`. After an error a part of them may be there.
  virtual absl::Status Write(int64_t position, absl::string_view bytes) = 0;

  virtual absl::Status Truncate(int64_t size) = 0;

  // When it returns OK, content and size survive power loss. After an error nothing is known about
  // what was written since the last success, and another Sync proves nothing.
  virtual absl::Status Sync() = 0;

  virtual absl::StatusOr<int64_t> Size() = 0;

  // Tells this file from every copy of it, as long as it exists, whatever its name and content.
  // Empty if not known.
  virtual std::string Fingerprint() = 0;
};

// Held as long as it lives.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& path) = 0;
  // Opens for reading and writing; makes the file if it is missing.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& path) = 0;

  // Makes the directory unless it is there. Its parent must exist.
  virtual absl::Status CreateDirectory(const std::string& path) = 0;
  // Names of what is in the directory, in no order.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Replaces `to` atomically.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // When it returns OK, the directory's entries survive power loss.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;

  // What the file system that the directory lies in has left for this process, in bytes.
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& directory) = 0;

  // FAILED_PRECONDITION: somebody else holds it.
  virtual absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& directory) = 0;

  // Names the machine's run since it was switched on: as long as it stays the same, what was
  // written is there, synced or not. Empty if not known.
  virtual std::string BootId() = 0;
};

// The machine's.
FileSystem* PosixFileSystem();

}  // namespace sluice

#endif  // SLUICE_LIBS_FILE_FILE_SYSTEM_H_
