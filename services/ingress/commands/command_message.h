#ifndef SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_MESSAGE_H_
#define SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_MESSAGE_H_

#include "absl/status/statusor.h"
#include "services/ingress/mqtt/publish.h"
#include "sluice/v1/command.pb.h"

namespace sluice::ingress {

// The command as its device gets it, QoS 2 on `devices/{id}/commands`:
//   {"command_id": "…", "name": "…", "arguments": {…}}
// with MQTT 5's Response Topic `devices/{id}/commands/{command_id}/response` and the command's id
// as Correlation Data. INVALID_ARGUMENT: it can never be sent (an illegal id, arguments that are no
// JSON).
absl::StatusOr<Publication> MakeCommandPublication(const v1::Command& command);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_MESSAGE_H_
