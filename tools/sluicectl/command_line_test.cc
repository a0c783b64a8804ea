#include "tools/sluicectl/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <wordexp.h>

#include <sstream>
#include <string>
#include <vector>

namespace sluice::sluicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CommandLineTest : public ::testing::Test {
 protected:
  std::variant<Invocation, ExitCode> Parse(std::vector<std::string> words) {
    std::vector<const char*> argv = {"sluicectl"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    out_.str("");
    err_.str("");
    return ParseCommandLine(static_cast<int>(argv.size()), argv.data(), out_, err_);
  }

  // Takes `words` for a command line of the command whose options are `Options`.
  template <typename Options>
  Options ParseAs(std::vector<std::string> words) {
    const auto parsed = Parse(words);
    EXPECT_EQ(parsed.index(), 0) << err_.str();
    if (parsed.index() != 0) return {};
    const auto& command = std::get<Invocation>(parsed).command;
    EXPECT_TRUE(std::holds_alternative<Options>(command));
    return std::holds_alternative<Options>(command) ? std::get<Options>(command) : Options{};
  }

  std::string Help(std::vector<std::string> words) {
    words.push_back("--help");
    const auto parsed = Parse(words);
    EXPECT_TRUE(parsed.index() == 1 && std::get<ExitCode>(parsed) == kExitOk);
    return out_.str();
  }

  std::string UsageError(std::vector<std::string> words) {
    const auto parsed = Parse(words);
    EXPECT_TRUE(parsed.index() == 1 && std::get<ExitCode>(parsed) == kExitUsage);
    EXPECT_EQ(out_.str(), "");
    return err_.str();
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

const std::vector<std::vector<std::string>> kCommands = {{"status"},
                                                         {"devices", "list"},
                                                         {"devices", "get"},
                                                         {"devices", "create"},
                                                         {"devices", "update"},
                                                         {"devices", "delete"},
                                                         {"telemetry", "tail"},
                                                         {"telemetry", "publish"},
                                                         {"insights", "tail"},
                                                         {"series", "list"},
                                                         {"series", "get"},
                                                         {"command", "send"},
                                                         {"command", "get"},
                                                         {"subscriptions", "list"},
                                                         {"subscriptions", "create"},
                                                         {"subscriptions", "seek"},
                                                         {"subscriptions", "delete"},
                                                         {"deadletters", "list"},
                                                         {"deadletters", "show"},
                                                         {"deadletters", "replay"},
                                                         {"deadletters", "purge"},
                                                         {"unknown-topics"}};

// The commands in a line of examples, split into words as a shell does.
std::vector<std::vector<std::string>> CommandsOf(const std::string& line) {
  std::vector<std::vector<std::string>> commands;
  size_t at = line.find("sluicectl ");
  while (at != std::string::npos) {
    // Words end at what is not quoted; wordexp knows quotes but no pipes.
    size_t end = at;
    bool quoted = false;
    while (end < line.size() && (quoted || (line[end] != '|' && line[end] != '>'))) {
      if (line[end] == '\'') quoted = !quoted;
      ++end;
    }
    wordexp_t words;
    EXPECT_EQ(wordexp(line.substr(at, end - at).c_str(), &words, WRDE_NOCMD), 0) << line;
    commands.emplace_back(words.we_wordv + 1, words.we_wordv + words.we_wordc);
    wordfree(&words);
    at = line.find("sluicectl ", end);
  }
  return commands;
}

TEST_F(CommandLineTest, EveryCommandTeaches) {
  for (const auto& command : kCommands) {
    const std::string help = Help(command);
    EXPECT_THAT(help, HasSubstr("Usage: sluicectl " + command.front()));
    EXPECT_THAT(help, HasSubstr("\nExamples:\n  "));
    EXPECT_THAT(help, HasSubstr("sluicectl --help"));
  }
  EXPECT_THAT(Help({}), HasSubstr("Exit codes:\n  0 "));
  EXPECT_THAT(Help({"devices"}), HasSubstr("create"));
}

TEST_F(CommandLineTest, EveryExampleParses) {
  int examples = 0;
  std::vector<std::vector<std::string>> helps = kCommands;
  helps.push_back({});
  for (const auto& command : helps) {
    const std::string help = Help(command);
    std::istringstream lines(help.substr(help.find("\nExamples:\n") + 11));
    for (std::string line; std::getline(lines, line) && line.rfind("  ", 0) == 0;) {
      for (auto& words : CommandsOf(line)) {
        ++examples;
        // The id comes by xargs.
        if (words == std::vector<std::string>{"command", "get"}) words.push_back("ID");
        EXPECT_EQ(Parse(words).index(), 0) << line << "\n" << err_.str();
      }
    }
  }
  EXPECT_GT(examples, 35);
}

TEST_F(CommandLineTest, GlobalFlagsStandAnywhere) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--json", "--registry", "box:1", "--timeout=2s", "--color", "never", "devices", "list"},
           {"devices", "list", "--json", "--registry=box:1", "--timeout", "2s", "--color=never"}}) {
    const auto parsed = Parse(words);
    ASSERT_EQ(parsed.index(), 0) << err_.str();
    const GlobalOptions& global = std::get<Invocation>(parsed).global;
    EXPECT_TRUE(global.json);
    EXPECT_EQ(global.addresses.registry, "box:1");
    EXPECT_EQ(global.timeout, absl::Seconds(2));
    EXPECT_EQ(global.color, ColorChoice::kNever);
  }
}

TEST_F(CommandLineTest, TheLastOfAGlobalFlagCounts) {
  const auto parsed = Parse({"--registry", "a:1", "--json", "status", "--registry", "b:2"});
  ASSERT_EQ(parsed.index(), 0) << err_.str();
  EXPECT_EQ(std::get<Invocation>(parsed).global.addresses.registry, "b:2");
  UsageError({"devices", "list", "--filter", "a", "--filter", "b"});
}

TEST_F(CommandLineTest, RepeatedFlagsTakeOneValueEach) {
  const auto create = ParseAs<DevicesCreateOptions>(
      {"devices", "create", "--label", "a=1", "--label", "b=[1,2]", "--capability", "t:Cel", "x-1",
       "--metadata", "note=a, b", "--firmware", ""});
  EXPECT_EQ(create.id, "x-1");
  EXPECT_THAT(create.flags.labels, ElementsAre("a=1", "b=[1,2]"));
  EXPECT_THAT(create.flags.capabilities, ElementsAre("t:Cel"));
  EXPECT_THAT(create.flags.metadata, ElementsAre("note=a, b"));
  EXPECT_TRUE(create.flags.has_firmware);
}

TEST_F(CommandLineTest, ArgumentsComeThroughUnchanged) {
  const auto send = ParseAs<CommandSendOptions>({"command", "send", "pump-7", "start", "list=[1,2]",
                                                 "empty=", "deep={\"a\":1}", "--wait=10s"});
  EXPECT_THAT(send.arguments, ElementsAre("list=[1,2]", "empty=", "deep={\"a\":1}"));
  EXPECT_EQ(send.wait, absl::Seconds(10));
  EXPECT_EQ(ParseAs<CommandSendOptions>({"command", "send", "p", "n", "--arguments", "{}"})
                .json_arguments,
            "{}");
  const auto publish = ParseAs<TelemetryPublishOptions>(
      {"telemetry", "publish", "d", "a=-1", "b=[x]", "--unit", "Cel"});
  EXPECT_THAT(publish.readings, ElementsAre("a=-1", "b=[x]"));
}

TEST_F(CommandLineTest, WordsOfOtherCommandsAreOnlyWords) {
  EXPECT_EQ(ParseAs<DevicesGetOptions>({"devices", "get", "status"}).id, "status");
  EXPECT_EQ(ParseAs<DevicesGetOptions>({"devices", "get", "list"}).id, "list");
  EXPECT_EQ(ParseAs<CommandSendOptions>({"command", "send", "command", "get"}).name, "get");
}

TEST_F(CommandLineTest, UnknownTopicsTakeNoPages) {
  ParseAs<UnknownTopicsOptions>({"unknown-topics", "--json"});
  EXPECT_THAT(UsageError({"unknown-topics", "--all"}), HasSubstr("--all"));
  EXPECT_THAT(UsageError({"unknown-topics", "list"}), HasSubstr("list"));
}

TEST_F(CommandLineTest, TailsAreOfTelemetryOrInsights) {
  EXPECT_FALSE(ParseAs<TailOptions>({"telemetry", "tail"}).insights);
  const auto tail = ParseAs<TailOptions>({"insights", "tail", "--device", "a", "--device", "b",
                                          "--count", "3", "--subscription", "s", "--ack"});
  EXPECT_TRUE(tail.insights);
  EXPECT_THAT(tail.devices, ElementsAre("a", "b"));
  EXPECT_EQ(tail.count, 3);
  EXPECT_TRUE(tail.acknowledge);
}

TEST_F(CommandLineTest, SaysWhatIsWrongAndWhereHelpIs) {
  EXPECT_THAT(UsageError({}), HasSubstr("Try: sluicectl --help"));
  EXPECT_THAT(UsageError({"devices"}), HasSubstr("Try: sluicectl devices --help"));
  EXPECT_THAT(UsageError({"frobnicate"}),
              HasSubstr("no command or flag 'frobnicate'\nTry: sluicectl --h"));
  EXPECT_THAT(UsageError({"devices", "frob", "x"}), HasSubstr("no command or flag 'frob'"));
  EXPECT_THAT(UsageError({"--frob"}), HasSubstr("no command or flag '--frob'"));
  EXPECT_THAT(UsageError({"devices", "get"}), HasSubstr("ID is required"));
  EXPECT_THAT(UsageError({"devices", "get", "a", "b"}), HasSubstr("b"));
  EXPECT_THAT(UsageError({"devices", "list", "--nope"}), HasSubstr("--nope"));
  EXPECT_THAT(UsageError({"status", "--timeout", "5"}), HasSubstr("'5' is not a duration"));
  EXPECT_THAT(UsageError({"status", "--color", "blue"}), HasSubstr("'blue' is none of"));
  EXPECT_THAT(UsageError({"telemetry", "tail", "--count", "0"}), HasSubstr("--count"));
  EXPECT_THAT(UsageError({"telemetry", "tail", "--count", "many"}), HasSubstr("--count"));
  EXPECT_THAT(UsageError({"devices", "create"}), HasSubstr("ID or --from"));
  EXPECT_THAT(UsageError({"devices", "create", "a", "--from", "f"}), HasSubstr("ID or --from"));
  EXPECT_THAT(UsageError({"devices", "create", "--from", "f", "--label", "a=b"}),
              HasSubstr("--label"));
  EXPECT_THAT(UsageError({"devices", "update", "a", "--enable", "--disable"}),
              HasSubstr("--enable"));
  EXPECT_THAT(UsageError({"\x1b[2J"}), ::testing::Not(HasSubstr("\x1b")));
}

TEST_F(CommandLineTest, TellsItsVersion) {
  const auto parsed = Parse({"--version"});
  EXPECT_EQ(std::get<ExitCode>(parsed), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("sluicectl "));
}

}  // namespace
}  // namespace sluice::sluicectl
