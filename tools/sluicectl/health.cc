#include "tools/sluicectl/health.h"

#include <grpcpp/client_context.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/rpc/grpc_status.h"

namespace sluice::sluicectl {

absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                         absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(channel)->Check(&context, request, &response);
  if (!status.ok()) return rpc::FromGrpc(status);
  if (response.status() == grpc::health::v1::HealthCheckResponse::SERVING) return absl::OkStatus();
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto reason = metadata.find(rpc::kHealthReasonKey);
  if (reason == metadata.end()) {
    return absl::FailedPreconditionError(absl::StrCat(service, " is not serving"));
  }
  return absl::FailedPreconditionError({reason->second.data(), reason->second.size()});
}

}  // namespace sluice::sluicectl
