#ifndef SLUICE_LIBS_RPC_SERVER_H_
#define SLUICE_LIBS_RPC_SERVER_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
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

  // Listens as Start does and has nothing to offer: health is what SetHealth says, whatever service
  // is asked for, and every other call gets that, too. For a process that cannot start yet.
  static absl::StatusOr<std::unique_ptr<Server>> StartRefusing(const config::v1::Grpc& config,
                                                               StreamGate* streams);

  // Where it listens, with the real port.
  const std::string& address() const { return address_; }

  // Tells grpc.health.v1 of every service: OK is SERVING, otherwise why not. Before: not serving.
  void SetHealth(const absl::Status& health);

  // Takes no new call, gives those under way until `grace` is over, then cancels them; returns when
  // all have ended.
  void Shutdown(absl::Duration grace);

 private:
  // Answers every call that no other service has with a status.
  class Refusal final : public grpc::CallbackGenericService {
   public:
    void Set(const absl::Status& status);
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override;

   private:
    absl::Mutex mutex_;
    absl::Status status_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("is starting");
  };

  Server(std::set<std::string> names, StreamGate* streams) : health_(std::move(names), streams) {}

  static absl::StatusOr<std::unique_ptr<Server>> Listen(const config::v1::Grpc& config,
                                                        const std::vector<GrpcService>& services,
                                                        bool refusing, StreamGate* streams);

  HealthRpc health_;
  Refusal refusal_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;  // ends before the health that it serves
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_SERVER_H_
