#ifndef SLUICE_SERVICES_INGRESS_REGISTRY_LINK_GRPC_REGISTRY_CALLS_H_
#define SLUICE_SERVICES_INGRESS_REGISTRY_LINK_GRPC_REGISTRY_CALLS_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/ingress/registry_link/registry_calls.h"
#include "sluice/v1/command_service.grpc.pb.h"
#include "sluice/v1/registry_service.grpc.pb.h"

namespace sluice::ingress {

// The calls over a gRPC channel. One thread calls; Stop may come from any.
class GrpcRegistryCalls final : public RegistryCalls {
 public:
  GrpcRegistryCalls(const std::shared_ptr<grpc::Channel>& channel, absl::Duration timeout);

  absl::StatusOr<v1::BatchCreateDevicesResponse> BatchCreateDevices(
      const v1::BatchCreateDevicesRequest& request) override;
  absl::StatusOr<v1::ReportPresenceResponse> ReportPresence(
      const v1::ReportPresenceRequest& request) override;
  absl::Status ReportCommandResult(const v1::ReportCommandResultRequest& request) override;

  // Ends a call under way and every later one with CANCELLED.
  void Stop();

 private:
  absl::Status Call(const std::function<grpc::Status(grpc::ClientContext*)>& method);

  const absl::Duration timeout_;
  const std::unique_ptr<v1::RegistryService::Stub> registry_;
  const std::unique_ptr<v1::CommandService::Stub> commands_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* under_way_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_REGISTRY_LINK_GRPC_REGISTRY_CALLS_H_
