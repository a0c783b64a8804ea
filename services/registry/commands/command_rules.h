#ifndef SLUICE_SERVICES_REGISTRY_COMMANDS_COMMAND_RULES_H_
#define SLUICE_SERVICES_REGISTRY_COMMANDS_COMMAND_RULES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/registry/store/registry_store.h"
#include "sluice/v1/command.pb.h"
#include "sluice/v1/command_service.pb.h"
#include "sluice/v1/device.pb.h"

namespace sluice::registry {

// The rules of sluice.v1.Command: pure functions.

// Whether a request keeps the stated ranges; INVALID_ARGUMENT names the field.
absl::Status ValidateSend(const v1::SendCommandRequest& request);
absl::Status ValidateReport(const v1::ReportCommandResultRequest& request);

// SendCommandRequest.wait; the request is valid.
absl::Duration WaitOf(const v1::SendCommandRequest& request);

// FAILED_PRECONDITION: the device is disabled, is no actuator, or does not list this command.
absl::Status CheckAccepts(const v1::Device& device, absl::string_view command_name);

// What Send makes of a valid request.
v1::Command NewCommand(const v1::SendCommandRequest& request, std::string id, absl::Time now);

// A hash of what the request orders: equal orders have the same.
uint64_t Fingerprint(const v1::SendCommandRequest& request);

bool IsFinal(v1::CommandState state);

// PERMISSION_DENIED: the report is of another device than the command.
absl::Status CheckReporter(const v1::ReportCommandResultRequest& report,
                           const v1::Command& command);

// Moves the command on as a valid report says. False, and nothing changes, if it has passed that
// state.
bool Advance(const v1::ReportCommandResultRequest& report, absl::Time now, v1::Command* command);

// Ends a command that has not ended.
void Cancel(absl::string_view why, absl::Time now, v1::Command* command);

StoredCommand ToStored(const v1::Command& command);

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_COMMANDS_COMMAND_RULES_H_
