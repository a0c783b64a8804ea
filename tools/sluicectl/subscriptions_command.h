#ifndef SLUICE_TOOLS_SLUICECTL_SUBSCRIPTIONS_COMMAND_H_
#define SLUICE_TOOLS_SLUICECTL_SUBSCRIPTIONS_COMMAND_H_

#include "tools/sluicectl/options.h"
#include "tools/sluicectl/session.h"

namespace sluice::sluicectl {

// `sluicectl subscriptions …`, of telemetry or of insights. Each returns the exit code.
int Run(const Session& session, const SubscriptionsListOptions& options);
int Run(const Session& session, const SubscriptionsCreateOptions& options);
int Run(const Session& session, const SubscriptionsSeekOptions& options);
int Run(const Session& session, const SubscriptionsDeleteOptions& options);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_SUBSCRIPTIONS_COMMAND_H_
