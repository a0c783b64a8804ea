#ifndef SLUICE_TOOLS_SLUICECTL_FAILURE_H_
#define SLUICE_TOOLS_SLUICECTL_FAILURE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/sluicectl/console.h"
#include "tools/sluicectl/exit_code.h"

// How failures and what is left open are told: on stderr, in one line that begins with `sluicectl:
// COMMAND: `, then a line for each thing to mend. Each function returns the exit code.
namespace sluice::sluicectl {

// `status` came from a service (or from looking for it): `sluicectl: devices get: NOT_FOUND: …`,
// then the violations of google.rpc.BadRequest that the message does not tell already. UNAVAILABLE
// and DEADLINE_EXCEEDED are kExitUnreachable, all others kExitRefused.
ExitCode ReportServiceError(const Console& console, absl::string_view command,
                            const absl::Status& status);

// What the user wrote is wrong: kExitUsage, and where help is.
ExitCode ReportUsageError(const Console& console, absl::string_view command,
                          const absl::Status& status);

// Says on stderr how to see more, if `next_page_token` is not empty: kExitOk.
ExitCode ReportNextPage(const Console& console, absl::string_view command,
                        absl::string_view next_page_token);

// NOT_FOUND, INVALID_ARGUMENT, …: the name of a google.rpc.Code.
std::string CodeName(int code);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_FAILURE_H_
