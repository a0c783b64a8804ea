#include "services/registry/registry.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

constexpr absl::Duration kLookAfterInterval = absl::Milliseconds(200);

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::Service>> Registry::Create(
    const config::v1::RegistryConfig& config, const rpc::Environment& environment) {
  auto store = OpenRocksDbRegistryStore(absl::StrCat(config.data_dir(), "/db"));
  if (!store.ok()) return store.status();
  auto state = RegistryState::Open(*std::move(store), environment.clock);
  if (!state.ok()) return state.status();
  spdlog::info("registry of {} devices", (*state)->table().size());
  return std::unique_ptr<rpc::Service>(new Registry(config, environment, *std::move(state)));
}

Registry::Registry(const config::v1::RegistryConfig& config, const rpc::Environment& environment,
                   std::unique_ptr<RegistryState> state)
    : state_(std::move(state)),
      directory_(state_.get(), config.max_devices()),
      registry_rpc_(state_.get(), &directory_, environment.streams),
      metrics_(environment.metrics),
      looking_after_([this] { LookAfter(); }) {}

Registry::~Registry() { Finish(); }

std::vector<rpc::GrpcService> Registry::GrpcServices() {
  return {{v1::RegistryService::service_full_name(), &registry_rpc_}};
}

void Registry::BeginShutdown() {}

void Registry::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    stop_.SignalAll();
  }
  if (looking_after_.joinable()) looking_after_.join();
}

void Registry::LookAfter() {
  while (true) {
    metrics_.Update(state_.get());
    absl::MutexLock lock(&mutex_);
    if (!stopping_) stop_.WaitWithTimeout(&mutex_, kLookAfterInterval);
    if (stopping_) return;
  }
}

}  // namespace sluice::registry
