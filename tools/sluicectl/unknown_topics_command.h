#ifndef SLUICE_TOOLS_SLUICECTL_UNKNOWN_TOPICS_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_UNKNOWN_TOPICS_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl unknown-topics`. Returns the exit code.
int Run(const Session& session, const UnknownTopicsOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_UNKNOWN_TOPICS_COMMAND_H_
