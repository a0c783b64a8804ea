#ifndef SLUICE_LIBS_RPC_SERVER_H_
#define SLUICE_LIBS_RPC_SERVER_H_

#include <grpcpp/server.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/rpc/health_rpc.h"
#include "libs/rpc/service.h"
#include "libs/rpc/stream_gate.h"
#include "sluice/config/v1/common.pb.h"

namespace sluice::rpc {

// A gRPC server with health and reflection, listening from Start on.
class Server {
 public:
  // ALREADY_EXISTS: the port is taken (names its owner if that can be known). `services` and
  // `streams` must outlive it.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const config::v1::Grpc& config,
                                                       const std::vector<GrpcService>& services,
                                                       StreamGate* streams);

  // Where it listens, with the real port.
  const std::string& address() const { return address_; }

  // Tells grpc.health.v1 of every service.
  void SetServing(bool serving);

  // Takes no new call, gives those under way until `grace` is over, then cancels them; returns when
  // all have ended.
  void Shutdown(absl::Duration grace);

 private:
  Server(std::set<std::string> names, StreamGate* streams) : health_(std::move(names), streams) {}

  HealthRpc health_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;  // ends before the health that it serves
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_SERVER_H_
