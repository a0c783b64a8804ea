#include <iostream>
#include <variant>

#include "libs/clock/clock.h"
#include "tools/sluicectl/command_line.h"
#include "tools/sluicectl/console.h"
#include "tools/sluicectl/run_command.h"

int main(int argc, char** argv) {
  using namespace sluice::sluicectl;  // NOLINT
  const auto parsed = ParseCommandLine(argc, argv, std::cout, std::cerr);
  if (const ExitCode* code = std::get_if<ExitCode>(&parsed)) return *code;
  const Invocation& invocation = std::get<Invocation>(parsed);
  const sluice::SystemClock clock;
  const Console console = ProcessConsole(invocation.global.color, invocation.global.json, &clock);
  const Session session{&console, &invocation.global};
  return RunCommand(session, invocation.command);
}
