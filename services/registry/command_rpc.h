#ifndef SLUICE_SERVICES_REGISTRY_COMMAND_RPC_H_
#define SLUICE_SERVICES_REGISTRY_COMMAND_RPC_H_

#include <atomic>
#include <cstdint>

#include "libs/rpc/stream_gate.h"
#include "services/registry/commands/command_book.h"
#include "sluice/v1/command_service.grpc.pb.h"

namespace sluice::registry {

// sluice.v1.CommandService over gRPC: hands calls to the command book and turns its answers.
class CommandRpc final : public v1::CommandService::Service {
 public:
  // Both must outlive it.
  CommandRpc(CommandBook* commands, rpc::StreamGate* streams)
      : commands_(commands), streams_(streams) {}

  grpc::Status SendCommand(grpc::ServerContext* context, const v1::SendCommandRequest* request,
                           v1::Command* response) override;
  grpc::Status GetCommand(grpc::ServerContext* context, const v1::GetCommandRequest* request,
                          v1::Command* response) override;
  grpc::Status WatchCommands(grpc::ServerContext* context, const v1::WatchCommandsRequest* request,
                             grpc::ServerWriter<v1::WatchCommandsResponse>* writer) override;
  grpc::Status ReportCommandResult(grpc::ServerContext* context,
                                   const v1::ReportCommandResultRequest* request,
                                   v1::Command* response) override;

  // Open streams of WatchCommands. Any thread.
  int64_t watchers() const { return watchers_; }

 private:
  grpc::Status Watch(const grpc::ServerContext& context,
                     grpc::ServerWriter<v1::WatchCommandsResponse>* writer);

  CommandBook* const commands_;
  rpc::StreamGate* const streams_;
  std::atomic<int64_t> watchers_{0};
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_COMMAND_RPC_H_
