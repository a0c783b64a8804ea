#ifndef SLUICE_LIBS_STATUS_FIELD_VIOLATION_H_
#define SLUICE_LIBS_STATUS_FIELD_VIOLATION_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice {

// INVALID_ARGUMENT "FIELD: DESCRIPTION" with a google.rpc.BadRequest that names the field
// (`device.labels["site"]`), for whoever turns it into a gRPC status.
absl::Status InvalidField(absl::string_view field, absl::string_view description);

// The type URL under which that detail is attached to the status.
inline constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";

}  // namespace sluice

#endif  // SLUICE_LIBS_STATUS_FIELD_VIOLATION_H_
