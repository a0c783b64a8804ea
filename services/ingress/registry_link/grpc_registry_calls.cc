#include "services/ingress/registry_link/grpc_registry_calls.h"

#include <chrono>

#include "libs/rpc/grpc_status.h"

namespace sluice::ingress {

GrpcRegistryCalls::GrpcRegistryCalls(const std::shared_ptr<grpc::Channel>& channel,
                                     absl::Duration timeout)
    : timeout_(timeout),
      registry_(v1::RegistryService::NewStub(channel)),
      commands_(v1::CommandService::NewStub(channel)) {}

absl::StatusOr<v1::BatchCreateDevicesResponse> GrpcRegistryCalls::BatchCreateDevices(
    const v1::BatchCreateDevicesRequest& request) {
  v1::BatchCreateDevicesResponse response;
  const absl::Status status = Call([&](grpc::ClientContext* context) {
    return registry_->BatchCreateDevices(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ReportPresenceResponse> GrpcRegistryCalls::ReportPresence(
    const v1::ReportPresenceRequest& request) {
  v1::ReportPresenceResponse response;
  const absl::Status status = Call([&](grpc::ClientContext* context) {
    return registry_->ReportPresence(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::Status GrpcRegistryCalls::ReportCommandResult(const v1::ReportCommandResultRequest& request) {
  v1::Command response;
  return Call([&](grpc::ClientContext* context) {
    return commands_->ReportCommandResult(context, request, &response);
  });
}

void GrpcRegistryCalls::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  if (under_way_ != nullptr) under_way_->TryCancel();
}

absl::Status GrpcRegistryCalls::Call(
    const std::function<grpc::Status(grpc::ClientContext*)>& method) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout_));
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return absl::CancelledError("stopping");
    under_way_ = &context;
  }
  const grpc::Status status = method(&context);
  absl::MutexLock lock(&mutex_);
  under_way_ = nullptr;
  return rpc::FromGrpc(status);
}

}  // namespace sluice::ingress
