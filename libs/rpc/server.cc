#include "libs/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/net/listen_address.h"
#include "libs/net/port_owner.h"
#include "libs/rpc/grpc_status.h"

namespace sluice::rpc {
namespace {

// Threads beside those of the streams: unary calls under way at the same time. One more call is
// RESOURCE_EXHAUSTED.
constexpr int kUnaryThreads = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const config::v1::Grpc& config,
                                                      const std::vector<GrpcService>& services,
                                                      StreamGate* streams) {
  return Listen(config, services, /*refusing=*/false, streams);
}

absl::StatusOr<std::unique_ptr<Server>> Server::StartRefusing(const config::v1::Grpc& config,
                                                              StreamGate* streams) {
  return Listen(config, {}, /*refusing=*/true, streams);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const config::v1::Grpc& config,
                                                       const std::vector<GrpcService>& services,
                                                       bool refusing, StreamGate* streams) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(config.listen(), "grpc.listen");
  if (!address.ok()) return address.status();

  std::set<std::string> names;
  for (const GrpcService& service : services) names.insert(service.name);
  std::unique_ptr<Server> result(new Server(std::move(names), streams));

  grpc::EnableDefaultHealthCheckService(false);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  // Two processes on one port would each get a part of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.max_message_bytes()));
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  grpc::ResourceQuota quota("sluice");
  quota.SetMaxThreads(config.max_streams() + kUnaryThreads);
  builder.SetResourceQuota(quota);
  int port = 0;
  builder.AddListeningPort(address->ToString(), grpc::InsecureServerCredentials(), &port);
  for (const GrpcService& service : services) builder.RegisterService(service.service);
  builder.RegisterService(&result->health_);
  if (refusing) builder.RegisterCallbackGenericService(&result->refusal_);

  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr || port == 0) {
    const std::string owner = PortOwner(address->port, Transport::kTcp);
    return absl::AlreadyExistsError(
        absl::StrCat("grpc.listen: cannot listen on ", address->ToString(),
                     owner.empty() ? "" : absl::StrCat(": the port is taken by ", owner)));
  }
  address->port = port;
  result->address_ = address->ToString();
  return result;
}

void Server::Refusal::Set(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  status_ = status;
}

grpc::ServerGenericBidiReactor* Server::Refusal::CreateReactor(
    grpc::GenericCallbackServerContext*) {
  class Reactor final : public grpc::ServerGenericBidiReactor {
    void OnDone() override { delete this; }
  };
  auto* const reactor = new Reactor;
  absl::MutexLock lock(&mutex_);
  reactor->Finish(ToGrpc(status_));
  return reactor;
}

void Server::SetHealth(const absl::Status& health) {
  health_.SetHealth(health);
  refusal_.Set(health);
}

void Server::Shutdown(absl::Duration grace) {
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
}

}  // namespace sluice::rpc
