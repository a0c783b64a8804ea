#ifndef SLUICE_SERVICES_INGRESS_INGRESS_SERVICE_H_
#define SLUICE_SERVICES_INGRESS_INGRESS_SERVICE_H_

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "libs/rpc/service.h"
#include "services/ingress/commands/command_courier.h"
#include "services/ingress/device_replica/device_replica.h"
#include "services/ingress/device_replica/replica_file.h"
#include "services/ingress/ingress_metrics.h"
#include "services/ingress/intake/device_rates.h"
#include "services/ingress/intake/heard_devices.h"
#include "services/ingress/intake/journal_intake.h"
#include "services/ingress/intake/memory_budget.h"
#include "services/ingress/intake/newcomers.h"
#include "services/ingress/registry_link/registry_link.h"
#include "services/ingress/ring/unknown_topics.h"
#include "services/ingress/sources.h"
#include "services/ingress/storage.h"
#include "services/ingress/telemetry/telemetry_rpc.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

// Ingress as one process runs it.
//
// The way of a message: a source (MQTT, CoAP, gRPC) → intake → journals → subscribers; statuses and
// command responses → reports log → registry link → registry. The way of a command: registry →
// courier → MQTT device.
//
// Start: journals and their cursors, replica (from its file), intake, registry link, sources,
// courier; then gRPC serves. End: courier, sources (what they have taken is answered once it is on
// disk, for 2 s at most), gRPC, registry link, replica file, journals (synced).
class IngressService final : public rpc::Service {
 public:
  // config.data_dir must exist and is locked by the caller. `config` is valid.
  static absl::StatusOr<std::unique_ptr<rpc::Service>> Create(
      const config::v1::IngressConfig& config, const rpc::Environment& environment);
  ~IngressService() override;

  std::vector<rpc::GrpcService> GrpcServices() override;
  std::map<std::string, std::string> Endpoints() override;
  absl::Status Health() override { return intake_.CheckWritable(); }
  void BeginShutdown() override;
  void Finish() override;

 private:
  IngressService(const config::v1::IngressConfig& config, const rpc::Environment& environment,
                 std::unique_ptr<Storage> storage);

  // The thread for what happens by itself: metrics, the replica's file, subscriptions that expire.
  void LookAfter();
  void SaveReplica();
  IngressMetrics::Snapshot Observe() const;

  const rpc::Environment environment_;
  IngressMetrics metrics_;
  const std::unique_ptr<Storage> storage_;
  DeviceReplica replica_;
  ReplicaFile replica_file_;
  Newcomers newcomers_;
  HeardDevices heard_;
  DeviceRates rates_;
  MemoryBudget budget_;
  UnknownTopics unknown_topics_;
  JournalIntake intake_;
  RegistryLink link_;
  TelemetryRpc telemetry_rpc_;
  std::unique_ptr<Sources> sources_;
  std::unique_ptr<CommandCourier> courier_;  // none without MQTT; speaks through the sources

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread looking_after_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INGRESS_SERVICE_H_
