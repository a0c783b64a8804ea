#include "services/registry/registry.h"

#include <spdlog/spdlog.h>

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

constexpr absl::Duration kLookAfterInterval = absl::Milliseconds(200);
constexpr absl::Duration kTrimInterval = absl::Minutes(1);

void WarnIfFailed(const absl::Status& status, const char* what) {
  if (!status.ok()) spdlog::warn("{}: {}", what, status.ToString());
}

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::Service>> Registry::Create(
    const config::v1::RegistryConfig& config, const rpc::Environment& environment) {
  auto store = OpenRocksDbRegistryStore(absl::StrCat(config.data_dir(), "/db"));
  if (!store.ok()) return store.status();
  auto state = RegistryState::Open(*std::move(store), environment.clock);
  if (!state.ok()) return state.status();
  auto commands = CommandBook::Open(state->get(), std::random_device()());
  if (!commands.ok()) return commands.status();
  spdlog::info("registry of {} devices, {} unfinished commands", (*state)->table().size(),
               (*commands)->stats().unfinished);
  return std::unique_ptr<rpc::Service>(
      new Registry(config, environment, *std::move(state), *std::move(commands)));
}

Registry::Registry(const config::v1::RegistryConfig& config, const rpc::Environment& environment,
                   std::unique_ptr<RegistryState> state, std::unique_ptr<CommandBook> commands)
    : last_seen_interval_(absl::Seconds(config.last_seen_interval().seconds()) +
                          absl::Nanoseconds(config.last_seen_interval().nanos())),
      state_(std::move(state)),
      commands_(std::move(commands)),
      directory_(state_.get(), commands_.get(), config.max_devices()),
      presence_(state_.get()),
      registry_rpc_(state_.get(), &directory_, &presence_, environment.streams),
      command_rpc_(commands_.get(), environment.streams),
      metrics_(environment.metrics),
      last_seen_due_(state_->clock().Uptime() + last_seen_interval_),
      looking_after_([this] { LookAfter(); }) {}

Registry::~Registry() { Finish(); }

std::vector<rpc::GrpcService> Registry::GrpcServices() {
  return {{v1::RegistryService::service_full_name(), &registry_rpc_},
          {v1::CommandService::service_full_name(), &command_rpc_}};
}

// Handlers that wait look at the stream gate, which is stopped before this.
void Registry::BeginShutdown() {}

void Registry::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    stop_.SignalAll();
  }
  if (!looking_after_.joinable()) return;
  looking_after_.join();
  WarnIfFailed(presence_.WriteLastSeen(RegistryStore::Durability::kSynced),
               "writing last_seen at the end");
}

void Registry::LookAfter() {
  while (true) {
    LookAfterOnce();
    absl::MutexLock lock(&mutex_);
    if (!stopping_) stop_.WaitWithTimeout(&mutex_, kLookAfterInterval);
    if (stopping_) return;
  }
}

void Registry::LookAfterOnce() {
  const absl::Duration now = state_->clock().Uptime();
  WarnIfFailed(presence_.EndLeases(), "ending leases (tried again)");
  if (now >= last_seen_due_) {
    last_seen_due_ = now + last_seen_interval_;
    WarnIfFailed(presence_.WriteLastSeen(RegistryStore::Durability::kBuffered),
                 "writing last_seen (tried again)");
  }
  if (now >= trim_due_ || commands_->NeedsTrim()) {
    trim_due_ = now + kTrimInterval;
    WarnIfFailed(commands_->Trim(), "forgetting ended commands (tried again)");
  }
  metrics_.Update(state_.get(), *commands_, command_rpc_.watchers());
}

}  // namespace sluice::registry
