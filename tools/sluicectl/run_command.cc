#include "tools/sluicectl/run_command.h"

#include <variant>

#include "tools/sluicectl/command_command.h"
#include "tools/sluicectl/deadletters_command.h"
#include "tools/sluicectl/devices_command.h"
#include "tools/sluicectl/exit_code.h"
#include "tools/sluicectl/series_command.h"
#include "tools/sluicectl/status_command.h"
#include "tools/sluicectl/subscriptions_command.h"
#include "tools/sluicectl/telemetry_command.h"
#include "tools/sluicectl/unknown_topics_command.h"

namespace sluice::sluicectl {

int RunCommand(const Session& session, const CommandOptions& options) {
  const int code = std::visit([&](const auto& command) { return Run(session, command); }, options);
  const absl::Status flushed = Flush(*session.console);
  // A tail has told it already.
  if (flushed.ok() || code != kExitOk) return code;
  WriteNote(*session.console, "error", flushed.message());
  return kExitRefused;
}

}  // namespace sluice::sluicectl
