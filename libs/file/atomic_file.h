#ifndef SLUICE_LIBS_FILE_ATOMIC_FILE_H_
#define SLUICE_LIBS_FILE_ATOMIC_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice {

// Replaces the file at `path` so that after a crash at any moment it holds either the old or the
// new content: writes PATH.tmp, fsyncs it, renames it, fsyncs the directory. When OK is returned
// the new content is on disk. One writer at a time for each path.
absl::Status ReplaceFile(const std::string& path, absl::string_view content);

// Fsyncs the directory that the file at `path` is in, so that its name outlives a power loss.
absl::Status SyncDirectoryOf(const std::string& path);

// Reads a whole file. NOT_FOUND; RESOURCE_EXHAUSTED if it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes);

}  // namespace sluice

#endif  // SLUICE_LIBS_FILE_ATOMIC_FILE_H_
