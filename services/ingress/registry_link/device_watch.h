#ifndef SLUICE_SERVICES_INGRESS_REGISTRY_LINK_DEVICE_WATCH_H_
#define SLUICE_SERVICES_INGRESS_REGISTRY_LINK_DEVICE_WATCH_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/device_replica/device_replica.h"
#include "sluice/v1/registry_service.grpc.pb.h"

namespace sluice::ingress {

// Feeds the replica from the registry's WatchDevices, on a thread of its own, and watches anew for
// ever when that ends. Thread-safe.
class DeviceWatch {
 public:
  // Begins at once. `replica` must outlive it.
  DeviceWatch(const std::shared_ptr<grpc::Channel>& channel, DeviceReplica* replica);
  ~DeviceWatch();  // stops

  // Ends the watch and joins. May be called again.
  void Stop();

  // Whether the replica is complete and follows every change now.
  bool synced() const;

 private:
  void Run();
  grpc::Status WatchOnce();
  void Apply(const v1::WatchDevicesResponse& message);

  const std::unique_ptr<v1::RegistryService::Stub> registry_;
  DeviceReplica* const replica_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool synced_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* under_way_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_REGISTRY_LINK_DEVICE_WATCH_H_
