#ifndef SLUICE_SERVICES_REGISTRY_REGISTRY_RPC_H_
#define SLUICE_SERVICES_REGISTRY_REGISTRY_RPC_H_

#include "libs/rpc/stream_gate.h"
#include "services/registry/devices/device_directory.h"
#include "services/registry/devices/registry_state.h"
#include "services/registry/presence/presence.h"
#include "sluice/v1/registry_service.grpc.pb.h"

namespace sluice::registry {

// sluice.v1.RegistryService over gRPC: hands calls to the units that decide and turns their
// answers.
//
// Calls that never wait are answered where gRPC finds them; each of the others has a thread for as
// long as it lasts, and handing it over costs more than a look into the table.
class RegistryRpc final
    : public v1::RegistryService::WithCallbackMethod_GetDevice<v1::RegistryService::Service> {
 public:
  // All must outlive it.
  RegistryRpc(RegistryState* state, DeviceDirectory* directory, Presence* presence,
              rpc::StreamGate* streams)
      : state_(state), directory_(directory), presence_(presence), streams_(streams) {}

  grpc::Status CreateDevice(grpc::ServerContext* context, const v1::CreateDeviceRequest* request,
                            v1::Device* response) override;
  grpc::Status BatchCreateDevices(grpc::ServerContext* context,
                                  const v1::BatchCreateDevicesRequest* request,
                                  v1::BatchCreateDevicesResponse* response) override;
  grpc::ServerUnaryReactor* GetDevice(grpc::CallbackServerContext* context,
                                      const v1::GetDeviceRequest* request,
                                      v1::Device* response) override;
  grpc::Status ListDevices(grpc::ServerContext* context, const v1::ListDevicesRequest* request,
                           v1::ListDevicesResponse* response) override;
  grpc::Status UpdateDevice(grpc::ServerContext* context, const v1::UpdateDeviceRequest* request,
                            v1::Device* response) override;
  grpc::Status DeleteDevice(grpc::ServerContext* context, const v1::DeleteDeviceRequest* request,
                            google::protobuf::Empty* response) override;
  grpc::Status UpdateDeviceStatus(grpc::ServerContext* context,
                                  const v1::UpdateDeviceStatusRequest* request,
                                  v1::Device* response) override;
  grpc::Status WatchDevices(grpc::ServerContext* context, const v1::WatchDevicesRequest* request,
                            grpc::ServerWriter<v1::WatchDevicesResponse>* writer) override;
  grpc::Status ReportPresence(grpc::ServerContext* context,
                              const v1::ReportPresenceRequest* request,
                              v1::ReportPresenceResponse* response) override;

 private:
  RegistryState* const state_;
  DeviceDirectory* const directory_;
  Presence* const presence_;
  rpc::StreamGate* const streams_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_REGISTRY_RPC_H_
