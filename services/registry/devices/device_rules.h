#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_RULES_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_RULES_H_

#include <google/protobuf/field_mask.pb.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sluice/v1/device.pb.h"

namespace sluice::registry {

// The rules of sluice.v1.Device: pure functions, INVALID_ARGUMENT names the field.

inline constexpr int kMaxStatusMessageBytes = 1024;
inline constexpr int kMaxRequestIdBytes = 128;

// Whether a client's device keeps the stated ranges; output-only fields are not looked at. `path`
// is where it stands in the request (`device`, `devices[3]`).
absl::Status ValidateDevice(const v1::Device& device, absl::string_view path);

// A status that a request gives: not UNSPECIFIED and one that exists. `path` as above.
absl::Status ValidateStatus(v1::DeviceStatus status, absl::string_view path);
absl::Status ValidateStatusMessage(absl::string_view message, absl::string_view path);
absl::Status ValidateRequestId(absl::string_view request_id);

// What Create makes of a valid device: output-only fields set anew, `enabled` filled in.
v1::Device NewDevice(const v1::Device& requested, absl::Time now);

// `current` with the fields of `mask` taken from `requested` (see UpdateDeviceRequest.update_mask),
// validated. Its update_time is as before: see Touch.
absl::StatusOr<v1::Device> ApplyUpdate(const v1::Device& current, const v1::Device& requested,
                                       const google::protobuf::FieldMask& mask);

// Marks a change: sets update_time to `now`, or a microsecond after the last one if the clock stood
// or went back, and so the etag too.
void Touch(absl::Time now, v1::Device* device);

// The etag that follows from update_time.
std::string EtagOf(const v1::Device& device);

// A hash of all that Create takes from a device: equal devices have the same.
uint64_t Fingerprint(const v1::Device& requested);

int64_t ToMicros(const google::protobuf::Timestamp& timestamp);
void SetMicros(int64_t us, google::protobuf::Timestamp* timestamp);

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_RULES_H_
