#ifndef SLUICE_TOOLS_SLUICECTL_DEADLETTERS_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_DEADLETTERS_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl deadletters list`. Returns the exit code.
int Run(const Session& session, const DeadLettersListOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_DEADLETTERS_COMMAND_H_
