#ifndef SLUICE_TOOLS_SLUICECTL_COMMAND_FLAGS_H_
#define SLUICE_TOOLS_SLUICECTL_COMMAND_FLAGS_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/sluicectl/options.h"

// The pieces that ParseCommandLine is put together from; nobody else includes this.
namespace sluice::sluicectl {

// How a command presents itself. The manual is one paragraph; each example works when it is pasted.
struct CommandHelp {
  const char* name;
  const char* summary;
  const char* manual;
  const char* examples;
};

// Adds a command that fills `*chosen` with its options when it is on the command line.
template <typename Options>
CLI::App* AddCommand(CLI::App* parent, const CommandHelp& help, CommandOptions* chosen,
                     std::shared_ptr<Options> options);

// Adds a word that groups commands.
CLI::App* AddGroup(CLI::App* app, const char* name, const char* summary);

// A flag that may be given several times, one value each.
CLI::Option* AddRepeated(CLI::App* app, const char* flag, std::vector<std::string>* values,
                         const char* type, const char* description);

// A duration such as 10s.
CLI::Option* AddDuration(CLI::App* app, const char* flag, absl::Duration* value,
                         const char* description);

// --page-size, --page-token, --all
void AddPageFlags(CLI::App* app, PageOptions* page);

// The commands, by files.
void AddStatusCommand(CLI::App* app, CommandOptions* chosen);
void AddDeviceCommands(CLI::App* app, CommandOptions* chosen);
void AddStreamCommands(CLI::App* app, CommandOptions* chosen);
void AddOtherCommands(CLI::App* app, CommandOptions* chosen);

// Only templates below.

std::string FooterOf(const CommandHelp& help);

template <typename Options>
CLI::App* AddCommand(CLI::App* parent, const CommandHelp& help, CommandOptions* chosen,
                     std::shared_ptr<Options> options) {
  CLI::App* command = parent->add_subcommand(help.name, help.summary);
  command->footer(FooterOf(help));
  command->callback([options, chosen] { *chosen = *options; });
  return command;
}

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_COMMAND_FLAGS_H_
