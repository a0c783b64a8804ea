#ifndef SLUICE_TOOLS_SLUICECTL_TELEMETRY_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_TELEMETRY_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl telemetry publish`, `sluicectl telemetry tail` and `sluicectl insights tail`. Each
// returns the exit code.
int Run(const Session& session, const TelemetryPublishOptions& options);
int Run(const Session& session, const TailOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TELEMETRY_COMMAND_H_
