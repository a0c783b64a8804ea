#ifndef SLUICE_TOOLS_SLUICECTL_SESSION_H_
#define SLUICE_TOOLS_SLUICECTL_SESSION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/rpc/grpc_status.h"
#include "tools/sluicectl/addresses.h"
#include "tools/sluicectl/console.h"
#include "tools/sluicectl/options.h"

namespace sluice::sluicectl {

// What a command works with: where it writes, and where the services are. Owns nothing.
struct Session {
  const Console* console = nullptr;
  const GlobalOptions* options = nullptr;
};

// A service's address and a channel to it.
struct Endpoint {
  ServiceName service = ServiceName::kIngress;
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  // Of one call.
  absl::Duration timeout;

  // `ingress at 127.0.0.1:7101`
  std::string Describe() const;
};

// Finds the service; UNAVAILABLE as in ResolveAddress. Does not connect yet.
absl::StatusOr<Endpoint> FindEndpoint(const Session& session, ServiceName service);

// Puts the endpoint's name before the message of a status that says that it cannot be reached.
absl::Status AtEndpoint(const Endpoint& endpoint, const absl::Status& status);

// A unary call: `method` of `stub` (&RegistryService::StubInterface::GetDevice), with the
// endpoint's timeout and `extra` more.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(const Endpoint& endpoint, Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, absl::Duration extra = absl::ZeroDuration()) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + endpoint.timeout + extra));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return AtEndpoint(endpoint, rpc::FromGrpc(status));
  return response;
}

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_SESSION_H_
