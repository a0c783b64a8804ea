#include "services/registry/call_admission.h"

#include <chrono>

namespace sluice::registry {

absl::Status AdmitCall(const grpc::ServerContextBase& context, const rpc::StreamGate& streams) {
  if (streams.stopping()) return absl::UnavailableError("the service is shutting down");
  if (context.deadline() <= std::chrono::system_clock::now()) {
    return absl::DeadlineExceededError("the call's deadline has passed");
  }
  if (context.IsCancelled()) return absl::CancelledError("the call was cancelled");
  return absl::OkStatus();
}

}  // namespace sluice::registry
