#include "tools/sluicectl/command_line.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/version/version.h"
#include "tools/sluicectl/command_flags.h"
#include "tools/sluicectl/display_text.h"
#include "tools/sluicectl/time_format.h"

namespace sluice::sluicectl {
namespace {

constexpr char kFooter[] =
    R"(Each command has its own help: sluicectl devices create --help

The services are found, in this order, by their address flags; by --data-dir, where each writes
its address; by ./.sluice if that is there and no address flag is given; at 127.0.0.1:7101 to 7103.

--json prints one object a line with the field names of the API; 64-bit integers and times are strings,
bytes are base64. Notes and errors go to stderr. Control characters that devices send are escaped.

Exit codes:
  0    done
  1    the service answered with an error, e.g. NOT_FOUND, or the output could not be written
  2    the command line, or a file named on it, is wrong
  3    no answer: the service is away, or the time was over
  4    a command ended FAILED or CANCELLED, or had no answer when --wait was over
  130  a tail was stopped by Ctrl-C (143: by SIGTERM)

Examples:
  sluicectl status
  sluicectl devices list
  sluicectl telemetry tail --count 10
  sluicectl devices list --all --json > devices.json)";

const std::map<std::string, ColorChoice> kColors = {
    {"auto", ColorChoice::kAuto}, {"always", ColorChoice::kAlways}, {"never", ColorChoice::kNever}};

void AddGlobalFlags(CLI::App* app, GlobalOptions* global) {
  AddressOptions& addresses = global->addresses;
  // The last one counts, so that an alias with flags can be overruled.
  app->option_defaults()->take_last();
  app->add_option("--ingress", addresses.ingress, "Where ingress is, e.g. 127.0.0.1:7101")
      ->type_name("ADDRESS");
  app->add_option("--registry", addresses.registry, "Where the registry is, e.g. 127.0.0.1:7102")
      ->type_name("ADDRESS");
  app->add_option("--analytics", addresses.analytics, "Where analytics is, e.g. 127.0.0.1:7103")
      ->type_name("ADDRESS");
  app->add_option("--data-dir", addresses.data_dir,
                  "Read the addresses from DIR/{ingress,registry,analytics}/endpoints.json")
      ->type_name("DIR");
  app->add_flag("--json", global->json, "For machines: one JSON object a line");
  AddDuration(app, "--timeout", &global->timeout, "How long one call may take (default: 10s)");
  const auto set_color = [global](const std::string& when) {
    const auto choice = kColors.find(when);
    if (choice == kColors.end()) {
      throw CLI::ValidationError("--color", "'" + when + "' is none of auto, always, never");
    }
    global->color = choice->second;
  };
  app->add_option_function<std::string>("--color", set_color,
                                        "auto, always or never (default: auto)")
      ->type_name("WHEN");
  app->set_version_flag("--version", absl::StrCat("sluicectl ", kVersion));
  app->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
}

// `sluicectl devices create`: as far as the words of the command line were commands.
std::string WordsOf(const CLI::App& app) {
  std::string words = app.get_name();
  const CLI::App* deepest = &app;
  while (!deepest->get_subcommands().empty()) {
    deepest = deepest->get_subcommands().front();
    absl::StrAppend(&words, " ", deepest->get_name());
  }
  return words;
}

// CLI11 asks for a command also where one was given that does not exist.
std::string Complaint(const CLI::App& app, const CLI::ParseError& stop) {
  const CLI::App* deepest = &app;
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands().front();
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (deepest->get_require_subcommand_min() == 0 || unknown.empty()) return stop.what();
  return absl::StrCat("there is no command or flag '", unknown.front(), "'");
}

}  // namespace

std::string FooterOf(const CommandHelp& help) {
  return absl::StrCat(help.manual, "\n\nExamples:\n", help.examples,
                      "\n\nFlags of every command, addresses and exit codes: sluicectl --help");
}

CLI::App* AddGroup(CLI::App* app, const char* name, const char* summary) {
  CLI::App* group = app->add_subcommand(name, summary);
  group->require_subcommand(1);
  group->footer(absl::StrCat("Each has its own help: sluicectl ", name, " COMMAND --help"));
  return group;
}

CLI::Option* AddRepeated(CLI::App* app, const char* flag, std::vector<std::string>* values,
                         const char* type, const char* description) {
  return app->add_option(flag, *values, description)->option_text(type)->allow_extra_args(false);
}

CLI::Option* AddDuration(CLI::App* app, const char* flag, absl::Duration* value,
                         const char* description) {
  const auto parse = [value, name = std::string(flag)](const std::string& text) {
    const auto duration = ParseDuration(text);
    if (!duration.ok()) throw CLI::ValidationError(name, std::string(duration.status().message()));
    *value = *duration;
  };
  return app->add_option_function<std::string>(flag, parse, description)->type_name("DURATION");
}

void AddPageFlags(CLI::App* app, PageOptions* page) {
  app->add_option("--page-size", page->page_size, "At most so many (default: 100, at most 1000)")
      ->type_name("N");
  app->add_option("--page-token", page->page_token, "Begin where the page before ended")
      ->type_name("TOKEN");
  app->add_flag("--all", page->all, "Every page");
}

std::variant<Invocation, ExitCode> ParseCommandLine(int argc, const char* const* argv,
                                                    std::ostream& out, std::ostream& err) {
  Invocation invocation;
  CLI::App app("Operates a Sluice gateway: devices, telemetry, insights and commands.",
               "sluicectl");
  app.fallthrough();
  app.require_subcommand(1);
  AddGlobalFlags(&app, &invocation.global);
  AddStatusCommand(&app, &invocation.command);
  AddDeviceCommands(&app, &invocation.command);
  AddStreamCommands(&app, &invocation.command);
  AddOtherCommands(&app, &invocation.command);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    if (stop.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      app.exit(stop, out, err);
      return kExitOk;
    }
    err << "sluicectl: " << EscapeForDisplay(Complaint(app, stop)) << "\nTry: " << WordsOf(app)
        << " --help\n";
    return kExitUsage;
  }
  return invocation;
}

}  // namespace sluice::sluicectl
