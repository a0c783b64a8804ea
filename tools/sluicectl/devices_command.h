#ifndef SLUICE_TOOLS_SLUICECTL_DEVICES_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_DEVICES_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl devices …`. Each returns the exit code.
int Run(const Session& session, const DevicesListOptions& options);
int Run(const Session& session, const DevicesGetOptions& options);
int Run(const Session& session, const DevicesCreateOptions& options);
int Run(const Session& session, const DevicesUpdateOptions& options);
int Run(const Session& session, const DevicesDeleteOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_DEVICES_COMMAND_H_
