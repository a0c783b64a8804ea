#ifndef SLUICE_SERVICES_INGRESS_DECODER_REPORT_PAYLOADS_H_
#define SLUICE_SERVICES_INGRESS_DECODER_REPORT_PAYLOADS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {

// What a status or a command's answer may say in words; the rest is cut off.
inline constexpr size_t kMaxMessageBytes = 1024;

// What a device says of itself, or how it answered a command, as docs/payloads.md says. The errors
// of both: INVALID_ARGUMENT (malformed), OUT_OF_RANGE (larger than 64 KiB), UNIMPLEMENTED (content
// type). Thread-safe.

absl::StatusOr<state::v1::StatusReport> DecodeStatus(absl::string_view content_type,
                                                     absl::string_view payload);

// Sets state (SUCCEEDED or FAILED), result and error_message.
absl::StatusOr<state::v1::CommandReport> DecodeCommandResponse(absl::string_view content_type,
                                                               absl::string_view payload);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_REPORT_PAYLOADS_H_
