#include "services/registry/registry.h"

#include <spdlog/spdlog.h>

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/proto_time/proto_time.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

constexpr absl::Duration kLookAfterInterval = absl::Milliseconds(200);
constexpr absl::Duration kTrimInterval = absl::Minutes(1);

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
    : last_seen_interval_(FromProto(config.last_seen_interval())),
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
  last_seen_failures_.Note(presence_.WriteLastSeen(RegistryStore::Durability::kSynced));
}

void Registry::FailureLog::Note(const absl::Status& status) {
  if (!status.ok() && !failing_) spdlog::warn("{} (tried again): {}", what_, status.ToString());
  failing_ = !status.ok();
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
  lease_failures_.Note(presence_.EndLeases());
  if (now >= last_seen_due_) {
    last_seen_due_ = now + last_seen_interval_;
    last_seen_failures_.Note(presence_.WriteLastSeen(RegistryStore::Durability::kBuffered));
  }
  if (now >= trim_due_ || commands_->NeedsTrim()) {
    trim_due_ = now + kTrimInterval;
    trim_failures_.Note(commands_->Trim());
  }
  metrics_.Update(state_.get(), *commands_, command_rpc_.watchers());
}

}  // namespace sluice::registry
