#include "services/registry/registry_rpc.h"

#include <utility>

#include "absl/time/time.h"
#include "libs/rpc/grpc_status.h"
#include "services/registry/call_admission.h"
#include "services/registry/devices/device_watch.h"

namespace sluice::registry {
namespace {

constexpr absl::Duration kStreamWake = absl::Milliseconds(200);

}  // namespace

grpc::Status RegistryRpc::CreateDevice(grpc::ServerContext* context,
                                       const v1::CreateDeviceRequest* request,
                                       v1::Device* response) {
  return Answer(*context, *streams_, response, [&] { return directory_->Create(*request); });
}

grpc::Status RegistryRpc::BatchCreateDevices(grpc::ServerContext* context,
                                             const v1::BatchCreateDevicesRequest* request,
                                             v1::BatchCreateDevicesResponse* response) {
  return Answer(*context, *streams_, response, [&] { return directory_->BatchCreate(*request); });
}

grpc::ServerUnaryReactor* RegistryRpc::GetDevice(grpc::CallbackServerContext* context,
                                                 const v1::GetDeviceRequest* request,
                                                 v1::Device* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(
      Answer(*context, *streams_, response, [&] { return directory_->Get(request->device_id()); }));
  return reactor;
}

grpc::Status RegistryRpc::ListDevices(grpc::ServerContext* context,
                                      const v1::ListDevicesRequest* request,
                                      v1::ListDevicesResponse* response) {
  return Answer(*context, *streams_, response,
                [&] { return directory_->List(*request, [&] { return context->IsCancelled(); }); });
}

grpc::Status RegistryRpc::UpdateDevice(grpc::ServerContext* context,
                                       const v1::UpdateDeviceRequest* request,
                                       v1::Device* response) {
  return Answer(*context, *streams_, response, [&] { return directory_->Update(*request); });
}

grpc::Status RegistryRpc::DeleteDevice(grpc::ServerContext* context,
                                       const v1::DeleteDeviceRequest* request,
                                       google::protobuf::Empty*) {
  const absl::Status admitted = AdmitCall(*context, *streams_);
  return rpc::ToGrpc(admitted.ok() ? directory_->Delete(*request) : admitted);
}

grpc::Status RegistryRpc::UpdateDeviceStatus(grpc::ServerContext* context,
                                             const v1::UpdateDeviceStatusRequest* request,
                                             v1::Device* response) {
  return Answer(*context, *streams_, response, [&] { return directory_->UpdateStatus(*request); });
}

grpc::Status RegistryRpc::ReportPresence(grpc::ServerContext* context,
                                         const v1::ReportPresenceRequest* request,
                                         v1::ReportPresenceResponse* response) {
  return Answer(*context, *streams_, response, [&] { return presence_->Report(*request); });
}

grpc::Status RegistryRpc::WatchDevices(grpc::ServerContext* context,
                                       const v1::WatchDevicesRequest* request,
                                       grpc::ServerWriter<v1::WatchDevicesResponse>* writer) {
  const auto pass = streams_->Enter();
  if (!pass.ok()) return rpc::ToGrpc(pass.status());
  DeviceWatch watch(state_, request->include_last_seen());
  while (true) {
    const absl::Status admitted = AdmitCall(*context, *streams_);
    if (!admitted.ok()) return rpc::ToGrpc(admitted);
    const auto messages = watch.Next(kStreamWake);
    if (!messages.ok()) return rpc::ToGrpc(messages.status());
    for (const v1::WatchDevicesResponse& message : *messages) {
      if (!writer->Write(message)) {
        return rpc::ToGrpc(absl::CancelledError("the watcher is gone"));
      }
    }
  }
}

}  // namespace sluice::registry
