#ifndef SLUICE_LIBS_RPC_GRPC_STATUS_H_
#define SLUICE_LIBS_RPC_GRPC_STATUS_H_

#include <grpcpp/impl/codegen/status.h>

#include "absl/status/status.h"

namespace sluice::rpc {

// The one place where statuses cross gRPC. Codes are kept; the google.rpc details that
// libs/status attached travel as grpc-status-details-bin.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// Where the answer to a health check says why the service does not serve: a key of its trailing
// metadata.
inline constexpr char kHealthReasonKey[] = "sluice-health-reason";

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_GRPC_STATUS_H_
