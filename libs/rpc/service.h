#ifndef SLUICE_LIBS_RPC_SERVICE_H_
#define SLUICE_LIBS_RPC_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/clock/clock.h"
#include "libs/rpc/stream_gate.h"

namespace sluice::rpc {

// What a process gives the service that runs in it. Outlives the service.
struct Environment {
  const Clock* clock;
  // Metrics added here appear at /metrics.
  prometheus::Registry* metrics;
  // Every server-streaming handler enters it first: bounds their number and ends them at shutdown.
  StreamGate* streams;
};

// A gRPC service and its full name, e.g. {v1::RegistryService::service_full_name(),
// &registry_rpc_}.
struct GrpcService {
  std::string name;
  grpc::Service* service;
};

// One of Sluice's services, as RunService drives it. Whoever makes it reports RESOURCE_EXHAUSTED
// and UNAVAILABLE for what may heal by itself, a disk above all: RunService tries again then. Its
// life: constructed → serving → BeginShutdown → (the gRPC server ends) → Finish → destroyed.
class Service {
 public:
  virtual ~Service() = default;

  // The gRPC services it serves. Each gets reflection and a grpc.health.v1 entry under its name.
  virtual std::vector<GrpcService> GrpcServices() = 0;

  // Addresses it listens on beside gRPC and metrics, by name (`coap`). They are logged and written
  // to endpoints.json.
  virtual std::map<std::string, std::string> Endpoints() { return {}; }

  // What keeps it from its work at the moment, e.g. a log that is full; OK if nothing does. Health
  // is NOT_SERVING with this reason meanwhile. Called about once a second while it serves.
  virtual absl::Status Health() { return absl::OkStatus(); }

  // Stop taking anything new in; handlers that wait return soon. Called while gRPC still serves.
  virtual void BeginShutdown() = 0;

  // No handler runs any more: flush, sync, join every thread.
  virtual void Finish() = 0;
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_SERVICE_H_
