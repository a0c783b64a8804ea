#ifndef SLUICE_SERVICES_REGISTRY_CALL_ADMISSION_H_
#define SLUICE_SERVICES_REGISTRY_CALL_ADMISSION_H_

#include <grpcpp/server_context.h>

#include "absl/status/status.h"
#include "libs/rpc/stream_gate.h"

namespace sluice::registry {

// Whether a call is still worth its work: UNAVAILABLE while the service stops, DEADLINE_EXCEEDED or
// CANCELLED if nobody waits for the answer any more.
absl::Status AdmitCall(const grpc::ServerContext& context, const rpc::StreamGate& streams);

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_CALL_ADMISSION_H_
