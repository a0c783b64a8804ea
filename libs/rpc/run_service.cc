#include "libs/rpc/run_service.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/shifted_clock.h"
#include "libs/config/config_loader.h"
#include "libs/failpoint/failpoint.h"
#include "libs/file/atomic_file.h"
#include "libs/file/data_dir.h"
#include "libs/log/log_setup.h"
#include "libs/rpc/metrics_endpoint.h"
#include "libs/rpc/server.h"
#include "libs/version/version.h"
#include "sluice/config/v1/common.pb.h"

namespace sluice::rpc {
namespace {

using google::protobuf::Message;

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
// How long calls under way may still take once the process was told to stop.
constexpr absl::Duration kShutdownGrace = absl::Seconds(3);

struct Flags {
  std::string config_file;
  std::string data_dir;
  std::vector<std::string> overrides;
};

// The settings that every service has, out of its own config message.
template <typename Part>
Part CommonPart(const Message& config, const char* field_name) {
  const auto* field = config.GetDescriptor()->FindFieldByName(field_name);
  Part part;
  part.CopyFrom(config.GetReflection()->GetMessage(config, field));
  return part;
}

std::string DataDirectory(const Message& config) {
  return config.GetReflection()->GetString(config,
                                           config.GetDescriptor()->FindFieldByName("data_dir"));
}

absl::Status LoadSettings(const Flags& flags, Message* config) {
  if (!flags.config_file.empty()) {
    if (absl::Status status = LoadConfigFile(flags.config_file, config); !status.ok())
      return status;
  }
  if (!flags.data_dir.empty()) {
    config->GetReflection()->SetString(config, config->GetDescriptor()->FindFieldByName("data_dir"),
                                       flags.data_dir);
  }
  for (const std::string& assignment : flags.overrides) {
    if (absl::Status status = ApplyOverride(assignment, config); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// SIGHUP: a running process takes the log level from the file anew, and nothing else.
void ReloadLogLevel(const Flags& flags, const Message& defaults) {
  std::unique_ptr<Message> fresh(defaults.New());
  fresh->CopyFrom(defaults);
  absl::Status status = LoadSettings(flags, fresh.get());
  const auto log = CommonPart<config::v1::Log>(*fresh, "log");
  if (status.ok()) status = SetLogLevel(log.level());
  if (status.ok()) {
    spdlog::info("SIGHUP: log level is {} now", log.level());
  } else {
    spdlog::error("SIGHUP: settings not taken over: {}", std::string(status.message()));
  }
}

absl::Status WriteEndpoints(const std::string& path,
                            const std::map<std::string, std::string>& endpoints) {
  google::protobuf::Struct document;
  for (const auto& [name, address] : endpoints) {
    (*document.mutable_fields())[name].set_string_value(address);
  }
  (*document.mutable_fields())["pid"].set_number_value(getpid());
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(document, &json);
  if (!status.ok()) return absl::InternalError(std::string(status.message()));
  return ReplaceFile(path, json + "\n");
}

// The signals that RunService waits for; blocked in every thread from the start.
sigset_t LifeSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// One process's life from its settings to the end.
absl::Status Live(
    const std::string& name, const Flags& flags, const Message& defaults, const Message& config,
    const std::function<absl::StatusOr<std::unique_ptr<Service>>(const Environment&)>& create) {
  auto data_dir = DataDir::Open(DataDirectory(config));
  if (!data_dir.ok()) return data_dir.status();
  const auto clock = ClockFromEnvironment();
  if (!clock.ok()) return clock.status();
  prometheus::Registry metrics;
  const auto grpc_config = CommonPart<config::v1::Grpc>(config, "grpc");
  auto metrics_endpoint =
      MetricsEndpoint::Start(CommonPart<config::v1::Metrics>(config, "metrics").listen(), &metrics);
  if (!metrics_endpoint.ok()) return metrics_endpoint.status();

  StreamGate streams(grpc_config.max_streams());
  auto service = create({clock->get(), &metrics, &streams});
  if (!service.ok()) return service.status();
  auto server = Server::Start(grpc_config, (*service)->GrpcServices(), &streams);
  absl::Status status = server.status();
  const std::string endpoints_path = (*data_dir)->path() + "/endpoints.json";
  if (status.ok()) {
    (*server)->SetServing(true);
    auto endpoints = (*service)->Endpoints();
    endpoints["grpc"] = (*server)->address();
    if (!(*metrics_endpoint)->address().empty())
      endpoints["metrics"] = (*metrics_endpoint)->address();
    status = WriteEndpoints(endpoints_path, endpoints);
    for (const auto& [what, address] : endpoints) spdlog::info("{} on {}", what, address);
  }
  if (status.ok()) {
    spdlog::info("{} {} is ready (pid {}, data in {})", name, kVersion, getpid(),
                 (*data_dir)->path());
    const sigset_t signals = LifeSignals();
    int signal = 0;
    while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) ReloadLogLevel(flags, defaults);
    spdlog::info("{}: stopping", strsignal(signal));
    unlink(endpoints_path.c_str());
  }

  // The order of the end: say so, take nothing new in, let calls end, flush.
  if (server.ok()) (*server)->SetServing(false);
  streams.Stop();
  (*service)->BeginShutdown();
  if (server.ok()) (*server)->Shutdown(kShutdownGrace);
  (*service)->Finish();
  return status;
}

// What only a test would set.
void WarnOfTestSwitches() {
  for (const char* name : {"SLUICE_FAILPOINTS", "SLUICE_CLOCK_SHIFT"}) {
    if (const char* value = std::getenv(name)) spdlog::warn("under test: {}={}", name, value);
  }
}

int Fail(const std::string& name, const absl::Status& status, int code) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), std::string(status.message()).c_str());
  return code;
}

}  // namespace

int RunServiceWithConfig(
    int argc, char** argv, const std::string& name, Message* config,
    const std::function<absl::Status()>& validate,
    const std::function<absl::StatusOr<std::unique_ptr<Service>>(const Environment&)>& create) {
  const sigset_t signals = LifeSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Flags flags;
  CLI::App app(
      absl::StrCat(name,
                   ": a service of the Sluice IoT gateway. Its settings and their defaults "
                   "are described in proto/sluice/config/v1/."));
  app.name(name);
  app.set_version_flag("--version", absl::StrCat(name, " ", kVersion));
  app.add_option("--config", flags.config_file, "Settings file (YAML)");
  app.add_option("--data-dir", flags.data_dir, "Where its data lies (setting data_dir)");
  app.add_option("--set", flags.overrides,
                 "One setting over the file's, e.g. --set=grpc.listen=127.0.0.1:0")
      ->expected(1)
      ->take_all();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {  // --help and --version, too
    return app.exit(stop) == 0 ? 0 : kWrongUsage;
  }

  std::unique_ptr<Message> defaults(config->New());
  defaults->CopyFrom(*config);
  absl::Status status = LoadSettings(flags, config);
  if (status.ok()) status = validate();
  const auto log = CommonPart<config::v1::Log>(*config, "log");
  if (status.ok()) status = SetUpLogging(log.level(), log.format());
  if (status.ok()) status = failpoint::ArmFromEnvironment();
  if (!status.ok()) return Fail(name, status, kWrongUsage);

  WarnOfTestSwitches();
  status = Live(name, flags, *defaults, *config, create);
  if (!status.ok()) return Fail(name, status, kFailed);
  spdlog::info("{} has stopped", name);
  return 0;
}

}  // namespace sluice::rpc
