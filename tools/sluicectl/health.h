#ifndef SLUICE_TOOLS_SLUICECTL_HEALTH_H_
#define SLUICE_TOOLS_SLUICECTL_HEALTH_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::sluicectl {

// Asks grpc.health.v1 about the gRPC service of that full name. OK: it is SERVING.
// FAILED_PRECONDITION: it says that it is not. NOT_FOUND: whoever listens there does not know that
// service. UNIMPLEMENTED: it has no health service. UNAVAILABLE, DEADLINE_EXCEEDED: no answer.
absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                         absl::Duration timeout);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_HEALTH_H_
