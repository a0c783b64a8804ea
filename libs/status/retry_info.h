#ifndef SLUICE_LIBS_STATUS_RETRY_INFO_H_
#define SLUICE_LIBS_STATUS_RETRY_INFO_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice {

// The status, which is not OK, with a google.rpc.RetryInfo: the caller may try again after `delay`.
absl::Status WithRetryInfo(absl::Status status, absl::Duration delay);

// The type URL under which that detail is attached to the status.
inline constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

}  // namespace sluice

#endif  // SLUICE_LIBS_STATUS_RETRY_INFO_H_
