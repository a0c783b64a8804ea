#ifndef SLUICE_SERVICES_INGRESS_INTAKE_TELEMETRY_RULES_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_TELEMETRY_RULES_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::ingress {

// Whether telemetry that came decoded keeps every range that sluice.v1.Telemetry states.
// INVALID_ARGUMENT names the field (`readings[3].metric`) and what is wrong.
absl::Status ValidateTelemetry(const v1::Telemetry& telemetry);

// At most 128 bytes of UTF-8; empty is allowed.
absl::Status ValidateMessageId(absl::string_view message_id);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_TELEMETRY_RULES_H_
