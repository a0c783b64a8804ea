#ifndef SLUICE_TOOLS_SLUICECTL_STATUS_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_STATUS_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl status`: the three services' health, and in short what they hold. Returns the exit
// code: kExitUnreachable if one gives no answer, kExitRefused if one is not serving.
int Run(const Session& session, const StatusOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_STATUS_COMMAND_H_
