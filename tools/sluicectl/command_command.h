#ifndef SLUICE_TOOLS_SLUICECTL_COMMAND_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_COMMAND_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl command …`: commands to devices. Each returns the exit code, kExitCommandFailed if the
// command ended FAILED or CANCELLED, or had not ended when the wait was over.
int Run(const Session& session, const CommandSendOptions& options);
int Run(const Session& session, const CommandGetOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_COMMAND_COMMAND_H_
