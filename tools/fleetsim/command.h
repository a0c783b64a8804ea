#ifndef SLUICE_TOOLS_FLEETSIM_COMMAND_H_
#define SLUICE_TOOLS_FLEETSIM_COMMAND_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::fleetsim {

// What a simulated device makes of a command.
struct CommandAnswer {
  std::string command_id;
  // {"status":"succeeded","result":{"device":…,"name":…,"arguments":…}}
  std::string payload;
};

// Carries out a command as it came on the device's topic: a JSON object whose member `id` (or
// `command_id`) names the command. INVALID_ARGUMENT: it is no such object.
absl::StatusOr<CommandAnswer> CarryOut(absl::string_view device_id, absl::string_view command);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_COMMAND_H_
