#ifndef SLUICE_TOOLS_SLUICECTL_SERIES_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_SERIES_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl series …`. Each returns the exit code.
int Run(const Session& session, const SeriesListOptions& options);
int Run(const Session& session, const SeriesGetOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_SERIES_COMMAND_H_
