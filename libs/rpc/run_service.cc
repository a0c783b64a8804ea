#include "libs/rpc/run_service.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <prometheus/gauge.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/backoff/backoff.h"
#include "libs/clock/shifted_clock.h"
#include "libs/config/config_loader.h"
#include "libs/failpoint/failpoint.h"
#include "libs/file/atomic_file.h"
#include "libs/file/data_dir.h"
#include "libs/file/disk_probe.h"
#include "libs/file/file_system.h"
#include "libs/log/log_setup.h"
#include "libs/memory/resident_memory.h"
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
constexpr absl::Duration kHealthInterval = absl::Seconds(1);
// Between two tries to open what is on a disk that fails.
constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);
// With less nothing can be written any more.
constexpr int64_t kLeastFreeBytes = 256 << 10;

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

// Waits for a signal and returns it, or 0 when the time is over.
int AwaitSignal(absl::Duration timeout) {
  const sigset_t signals = LifeSignals();
  const timespec time = absl::ToTimespec(timeout);
  return std::max(0, sigtimedwait(&signals, nullptr, &time));
}

// One process's life from its settings to the end.
class Life {
 public:
  using Create = std::function<absl::StatusOr<std::unique_ptr<Service>>(const Environment&)>;

  Life(std::string name, Flags flags, const Message& defaults, const Message& config,
       const Clock& clock, Create create)
      : name_(std::move(name)),
        flags_(std::move(flags)),
        defaults_(defaults),
        config_(config),
        clock_(clock),
        create_(std::move(create)),
        grpc_config_(CommonPart<config::v1::Grpc>(config, "grpc")),
        serving_(prometheus::BuildGauge()
                     .Name("sluice_serving")
                     .Help("1 while health is SERVING")
                     .Register(metrics_)
                     .Add({})),
        streams_(grpc_config_.max_streams()) {}

  absl::Status Run();

 private:
  absl::Status Begin();
  absl::Status AwaitStorage(absl::Status failure);
  absl::Status Serve(const MetricsEndpoint& metrics_endpoint);
  void ServeUntilToldToStop(Server* server);
  absl::Status Health();

  const std::string name_;
  const Flags flags_;
  const Message& defaults_;
  const Message& config_;
  const Clock& clock_;
  const Create create_;
  const config::v1::Grpc grpc_config_;
  prometheus::Registry metrics_;
  prometheus::Gauge& serving_;
  StreamGate streams_;
  std::unique_ptr<DataDir> data_dir_;
  std::unique_ptr<Service> service_;
};

// The disk may come back by itself: no reason to end.
bool MayHeal(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

absl::Status Life::Run() {
  absl::Status begun = Begin();
  if (!begun.ok() && !MayHeal(begun)) return begun;
  auto metrics_endpoint = MetricsEndpoint::Start(
      CommonPart<config::v1::Metrics>(config_, "metrics").listen(), &metrics_);
  absl::Status status = metrics_endpoint.status();
  if (status.ok() && !begun.ok()) {
    begun = AwaitStorage(begun);
    // Told to stop while it waited: that is no failure.
    if (absl::IsCancelled(begun)) return absl::OkStatus();
    if (!begun.ok()) return begun;
  }
  if (status.ok()) {
    status = Serve(**metrics_endpoint);
  } else if (service_ != nullptr) {
    service_->BeginShutdown();
  }
  if (service_ != nullptr) service_->Finish();
  return status;
}

// Opens what the service keeps on disk, and makes the service.
absl::Status Life::Begin() {
  if (data_dir_ == nullptr) {
    auto data_dir = DataDir::Open(DataDirectory(config_));
    if (!data_dir.ok()) return data_dir.status();
    data_dir_ = *std::move(data_dir);
  }
  absl::Status disk = ProbeDisk(PosixFileSystem(), data_dir_->path());
  if (!disk.ok()) return disk;
  auto service = create_({&clock_, &metrics_, &streams_});
  if (!service.ok()) return service.status();
  service_ = *std::move(service);
  return absl::OkStatus();
}

// Tries again until it has begun or cannot; refuses every call meanwhile. CANCELLED: told to stop.
absl::Status Life::AwaitStorage(absl::Status failure) {
  auto server = Server::StartRefusing(grpc_config_, &streams_);
  if (!server.ok()) return server.status();
  spdlog::info("grpc on {}", (*server)->address());
  Backoff backoff(kFirstRetry, kLongestRetry);
  while (MayHeal(failure)) {
    spdlog::error("not serving: {}; trying again", std::string(failure.message()));
    (*server)->SetHealth(absl::UnavailableError(failure.message()));
    const int signal = AwaitSignal(backoff.Next());
    if (signal == SIGHUP) ReloadLogLevel(flags_, defaults_);
    if (signal != 0 && signal != SIGHUP) {
      spdlog::info("{}: stopping", strsignal(signal));
      failure = absl::CancelledError("told to stop");
      break;
    }
    failure = Begin();
  }
  (*server)->Shutdown(absl::ZeroDuration());
  return failure;
}

absl::Status Life::Serve(const MetricsEndpoint& metrics_endpoint) {
  auto server = Server::Start(grpc_config_, service_->GrpcServices(), &streams_);
  absl::Status status = server.status();
  const std::string endpoints_path = data_dir_->path() + "/endpoints.json";
  if (status.ok()) {
    auto endpoints = service_->Endpoints();
    endpoints["grpc"] = (*server)->address();
    if (!metrics_endpoint.address().empty()) endpoints["metrics"] = metrics_endpoint.address();
    (*server)->SetHealth(absl::OkStatus());
    status = WriteEndpoints(endpoints_path, endpoints);
    for (const auto& [what, address] : endpoints) spdlog::info("{} on {}", what, address);
  }
  if (status.ok()) {
    spdlog::info("{} {} is ready (pid {}, data in {})", name_, kVersion, getpid(),
                 data_dir_->path());
    ReleaseStartupMemory();
    ServeUntilToldToStop(server->get());
    unlink(endpoints_path.c_str());
  }

  // The order of the end: say so, take nothing new in, let calls end; then the caller flushes.
  if (server.ok()) (*server)->SetHealth(absl::UnavailableError("is stopping"));
  streams_.Stop();
  service_->BeginShutdown();
  if (server.ok()) (*server)->Shutdown(kShutdownGrace);
  return status;
}

void Life::ServeUntilToldToStop(Server* server) {
  bool served = true;
  while (true) {
    const absl::Status health = Health();
    if (health.ok() != served) {
      served = health.ok();
      if (served) {
        spdlog::info("serving again");
      } else {
        spdlog::error("not serving: {}", std::string(health.message()));
      }
    }
    server->SetHealth(health);
    serving_.Set(served ? 1 : 0);
    const int signal = AwaitSignal(kHealthInterval);
    if (signal == SIGHUP) {
      ReloadLogLevel(flags_, defaults_);
    } else if (signal != 0) {
      spdlog::info("{}: stopping", strsignal(signal));
      return;
    }
  }
}

absl::Status Life::Health() {
  absl::Status health = service_->Health();
  const auto free_bytes = PosixFileSystem()->FreeBytes(data_dir_->path());
  if (health.ok() && free_bytes.ok() && *free_bytes < kLeastFreeBytes) {
    health = absl::ResourceExhaustedError(absl::StrCat(
        "the disk of ", data_dir_->path(), " is full: ", *free_bytes, " bytes are free"));
  }
  return health;
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
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a full disk
  // Debian builds Abseil with its search for deadlocks, which takes one global lock whenever any
  // mutex is taken.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  LimitHeaps();

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

  auto clock = ClockFromEnvironment();
  if (!clock.ok()) return Fail(name, clock.status(), kWrongUsage);

  WarnOfTestSwitches();
  status = Life(name, flags, *defaults, *config, **clock, create).Run();
  if (!status.ok()) return Fail(name, status, kFailed);
  spdlog::info("{} has stopped", name);
  return 0;
}

}  // namespace sluice::rpc
