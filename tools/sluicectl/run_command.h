#ifndef SLUICE_TOOLS_SLUICECTL_RUN_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_RUN_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// Runs the command that `options` holds; returns the exit code. What it wrote is flushed; if that
// fails it says so, and a command that went well ends with kExitRefused.
int RunCommand(const Session& session, const CommandOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_RUN_COMMAND_H_
