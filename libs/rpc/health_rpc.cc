#include "libs/rpc/health_rpc.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rpc/grpc_status.h"

namespace sluice::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// How soon a watch sees that its client is gone or the process stops.
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);

}  // namespace

HealthRpc::HealthRpc(std::set<std::string> services, StreamGate* streams)
    : services_(std::move(services)), streams_(streams) {
  services_.insert("");
}

void HealthRpc::SetServing(bool serving) {
  absl::MutexLock lock(&mutex_);
  serving_ = serving;
}

HealthCheckResponse::ServingStatus HealthRpc::StatusOf(const std::string& service) const {
  if (services_.count(service) == 0) return HealthCheckResponse::SERVICE_UNKNOWN;
  absl::MutexLock lock(&mutex_);
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

grpc::Status HealthRpc::Check(grpc::ServerContext*, const HealthCheckRequest* request,
                              HealthCheckResponse* response) {
  const auto status = StatusOf(request->service());
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    return ToGrpc(absl::NotFoundError(absl::StrCat("no service '", request->service(), "' here")));
  }
  response->set_status(status);
  return grpc::Status::OK;
}

grpc::Status HealthRpc::Watch(grpc::ServerContext* context, const HealthCheckRequest* request,
                              grpc::ServerWriter<HealthCheckResponse>* writer) {
  const auto pass = streams_->Enter();
  if (!pass.ok()) return ToGrpc(pass.status());
  HealthCheckResponse shown;
  for (bool first = true; !context->IsCancelled(); first = false) {
    const auto status = StatusOf(request->service());
    if (first || status != shown.status()) {
      shown.set_status(status);
      if (!writer->Write(shown)) break;
    }
    if (streams_->stopping()) {
      return ToGrpc(absl::UnavailableError("the service is shutting down"));
    }
    const auto changed = [this, status] {
      mutex_.AssertReaderHeld();
      return status != HealthCheckResponse::SERVICE_UNKNOWN &&
             serving_ != (status == HealthCheckResponse::SERVING);
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&changed), kLookInterval);
  }
  return grpc::Status::CANCELLED;
}

}  // namespace sluice::rpc
