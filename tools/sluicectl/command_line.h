#ifndef SLUICE_TOOLS_SLUICECTL_COMMAND_LINE_H_
#define SLUICE_TOOLS_SLUICECTL_COMMAND_LINE_H_

#include <ostream>
#include <variant>

#include "tools/sluicectl/exit_code.h"
#include "tools/sluicectl/options.h"

namespace sluice::sluicectl {

// A command line that can be run.
struct Invocation {
  GlobalOptions global;
  CommandOptions command;
};

// Reads a command line. If there is nothing to run, says so: help and version on `out` (kExitOk),
// what is wrong and where help is on `err` (kExitUsage).
std::variant<Invocation, ExitCode> ParseCommandLine(int argc, const char* const* argv,
                                                    std::ostream& out, std::ostream& err);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_COMMAND_LINE_H_
