#ifndef SLUICE_LIBS_DEVICE_ID_DEVICE_ID_H_
#define SLUICE_LIBS_DEVICE_ID_DEVICE_ID_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice {

inline constexpr int kMaxIdBytes = 128;

// The rule for ids of devices, subscriptions, instances and commands: 1 to 128 characters of
// `A-Z a-z 0-9 . _ - :`, neither `.` nor `..`. INVALID_ARGUMENT names `field` and what is wrong.
absl::Status ValidateId(absl::string_view id, absl::string_view field);

}  // namespace sluice

#endif  // SLUICE_LIBS_DEVICE_ID_DEVICE_ID_H_
