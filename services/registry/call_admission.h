#ifndef SLUICE_SERVICES_REGISTRY_CALL_ADMISSION_H_
#define SLUICE_SERVICES_REGISTRY_CALL_ADMISSION_H_

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/rpc/grpc_status.h"
#include "libs/rpc/stream_gate.h"

namespace sluice::registry {

// Whether a call is still worth its work: UNAVAILABLE while the service stops, DEADLINE_EXCEEDED or
// CANCELLED if nobody waits for the answer any more.
absl::Status AdmitCall(const grpc::ServerContextBase& context, const rpc::StreamGate& streams);

// Runs `call`, which returns a StatusOr<Response>, if it is worth its work, and moves what it
// returns to `response`.
template <typename Response, typename Call>
grpc::Status Answer(const grpc::ServerContextBase& context, const rpc::StreamGate& streams,
                    Response* response, Call call) {
  const absl::Status admitted = AdmitCall(context, streams);
  if (!admitted.ok()) return rpc::ToGrpc(admitted);
  absl::StatusOr<Response> result = call();
  if (!result.ok()) return rpc::ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_CALL_ADMISSION_H_
