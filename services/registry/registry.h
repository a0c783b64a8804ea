#ifndef SLUICE_SERVICES_REGISTRY_REGISTRY_H_
#define SLUICE_SERVICES_REGISTRY_REGISTRY_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/rpc/service.h"
#include "services/registry/command_rpc.h"
#include "services/registry/commands/command_book.h"
#include "services/registry/devices/device_directory.h"
#include "services/registry/devices/registry_state.h"
#include "services/registry/presence/presence.h"
#include "services/registry/registry_metrics.h"
#include "services/registry/registry_rpc.h"
#include "sluice/config/v1/registry.pb.h"

namespace sluice::registry {

// The registry as one process runs it: the store, the units that decide, the gRPC services over
// them, and one thread that looks after what happens by itself (metrics).
class Registry final : public rpc::Service {
 public:
  // Opens the database under config.data_dir, which must exist and is locked by the caller.
  // `config` is valid.
  static absl::StatusOr<std::unique_ptr<rpc::Service>> Create(
      const config::v1::RegistryConfig& config, const rpc::Environment& environment);
  ~Registry() override;

  std::vector<rpc::GrpcService> GrpcServices() override;
  absl::Status Health() override { return state_->store().CheckWritable(); }
  void BeginShutdown() override;
  void Finish() override;

 private:
  Registry(const config::v1::RegistryConfig& config, const rpc::Environment& environment,
           std::unique_ptr<RegistryState> state, std::unique_ptr<CommandBook> commands);

  // Logs the first of a row of failures: what fails is tried again a few times a second.
  class FailureLog {
   public:
    explicit FailureLog(const char* what) : what_(what) {}
    void Note(const absl::Status& status);

   private:
    const char* const what_;
    bool failing_ = false;
  };

  void LookAfter();
  void LookAfterOnce();

  const absl::Duration last_seen_interval_;
  const std::unique_ptr<RegistryState> state_;
  const std::unique_ptr<CommandBook> commands_;
  DeviceDirectory directory_;
  Presence presence_;
  RegistryRpc registry_rpc_;
  CommandRpc command_rpc_;
  RegistryMetrics metrics_;
  // Uptimes, for the thread alone.
  absl::Duration last_seen_due_;
  absl::Duration trim_due_;
  FailureLog lease_failures_{"ending leases"};
  FailureLog last_seen_failures_{"writing last_seen"};
  FailureLog trim_failures_{"forgetting ended commands"};

  absl::Mutex mutex_;
  absl::CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread looking_after_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_REGISTRY_H_
