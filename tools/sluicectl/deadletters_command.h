#ifndef SLUICE_TOOLS_SLUICECTL_DEADLETTERS_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_DEADLETTERS_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl deadletters …`. Each returns the exit code; replay that of an error if a letter was
// not taken in.
int Run(const Session& session, const DeadLettersListOptions& options);
int Run(const Session& session, const DeadLettersShowOptions& options);
int Run(const Session& session, const DeadLettersReplayOptions& options);
int Run(const Session& session, const DeadLettersPurgeOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_DEADLETTERS_COMMAND_H_
