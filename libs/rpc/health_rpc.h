#ifndef SLUICE_LIBS_RPC_HEALTH_RPC_H_
#define SLUICE_LIBS_RPC_HEALTH_RPC_H_

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/rpc/grpc_status.h"
#include "libs/rpc/stream_gate.h"

namespace sluice::rpc {

// grpc.health.v1 of one process. All its services serve, or none does; why not, a Check tells in
// its trailing metadata, under kHealthReasonKey. (The one that gRPC brings along does not show up
// in reflection.) Thread-safe.
class HealthRpc final : public grpc::health::v1::Health::Service {
 public:
  // `services` are full names; the empty name, for the whole process, is added. None: they are not
  // known yet, and every name is answered. `streams` outlives it. Not serving until SetHealth says
  // so.
  HealthRpc(std::set<std::string> services, StreamGate* streams);

  // OK: serving. Otherwise why not.
  void SetHealth(const absl::Status& health);

  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::ServerWriter<grpc::health::v1::HealthCheckResponse>* writer) override;

 private:
  using Response = grpc::health::v1::HealthCheckResponse;

  Response::ServingStatus StatusOf(const std::string& service) const;

  const bool any_name_;
  std::set<std::string> services_;
  StreamGate* const streams_;
  mutable absl::Mutex mutex_;
  absl::Status health_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("is starting");
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_HEALTH_RPC_H_
