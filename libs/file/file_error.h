#ifndef SLUICE_LIBS_FILE_FILE_ERROR_H_
#define SLUICE_LIBS_FILE_FILE_ERROR_H_

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice {

// errno as a status. What may heal without anybody changing a setting is told apart: a disk that is
// full, or a file that may not grow, is RESOURCE_EXHAUSTED; a disk that fails, is read-only, or
// does what nobody expects, UNAVAILABLE.
inline absl::Status FileError(int error, absl::string_view message) {
  const absl::Status status = absl::ErrnoToStatus(error, message);
  if (error == EFBIG) return absl::ResourceExhaustedError(status.message());
  const bool fails = error == EIO || error == EROFS || absl::IsUnknown(status);
  return fails ? absl::UnavailableError(status.message()) : status;
}

}  // namespace sluice

#endif  // SLUICE_LIBS_FILE_FILE_ERROR_H_
