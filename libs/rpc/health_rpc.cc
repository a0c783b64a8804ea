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

// As metadata takes it: printable ASCII.
std::string Printable(absl::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return printable;
}

}  // namespace

HealthRpc::HealthRpc(std::set<std::string> services, StreamGate* streams)
    : any_name_(services.empty()), services_(std::move(services)), streams_(streams) {
  services_.insert("");
}

void HealthRpc::SetHealth(const absl::Status& health) {
  absl::MutexLock lock(&mutex_);
  health_ = health;
}

HealthCheckResponse::ServingStatus HealthRpc::StatusOf(const std::string& service) const {
  if (!any_name_ && services_.count(service) == 0) return HealthCheckResponse::SERVICE_UNKNOWN;
  absl::MutexLock lock(&mutex_);
  return health_.ok() ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

grpc::Status HealthRpc::Check(grpc::ServerContext* context, const HealthCheckRequest* request,
                              HealthCheckResponse* response) {
  const auto status = StatusOf(request->service());
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    return ToGrpc(absl::NotFoundError(absl::StrCat("no service '", request->service(), "' here")));
  }
  response->set_status(status);
  absl::MutexLock lock(&mutex_);
  if (!health_.ok()) {
    context->AddTrailingMetadata(kHealthReasonKey, Printable(health_.message()));
  }
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
             health_.ok() != (status == HealthCheckResponse::SERVING);
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&changed), kLookInterval);
  }
  return grpc::Status::CANCELLED;
}

}  // namespace sluice::rpc
