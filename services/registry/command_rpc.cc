#include "services/registry/command_rpc.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "libs/device_id/device_id.h"
#include "libs/rpc/grpc_status.h"
#include "services/registry/call_admission.h"

namespace sluice::registry {
namespace {

constexpr absl::Duration kStreamWake = absl::Milliseconds(200);

}  // namespace

grpc::Status CommandRpc::SendCommand(grpc::ServerContext* context,
                                     const v1::SendCommandRequest* request, v1::Command* response) {
  return Answer(*context, *streams_, response, [&] {
    return commands_->Send(*request, [&] { return !AdmitCall(*context, *streams_).ok(); });
  });
}

grpc::Status CommandRpc::GetCommand(grpc::ServerContext* context,
                                    const v1::GetCommandRequest* request, v1::Command* response) {
  return Answer(*context, *streams_, response,
                [&] { return commands_->Get(request->command_id()); });
}

grpc::Status CommandRpc::ReportCommandResult(grpc::ServerContext* context,
                                             const v1::ReportCommandResultRequest* request,
                                             v1::Command* response) {
  return Answer(*context, *streams_, response, [&] { return commands_->Report(*request); });
}

grpc::Status CommandRpc::WatchCommands(grpc::ServerContext* context,
                                       const v1::WatchCommandsRequest* request,
                                       grpc::ServerWriter<v1::WatchCommandsResponse>* writer) {
  const absl::Status valid = ValidateId(request->instance_id(), "instance_id");
  if (!valid.ok()) return rpc::ToGrpc(valid);
  const auto pass = streams_->Enter();
  if (!pass.ok()) return rpc::ToGrpc(pass.status());
  ++watchers_;
  const grpc::Status status = Watch(*context, writer);
  --watchers_;
  return status;
}

grpc::Status CommandRpc::Watch(const grpc::ServerContext& context,
                               grpc::ServerWriter<v1::WatchCommandsResponse>* writer) {
  std::string told_to;
  while (true) {
    const absl::Status admitted = AdmitCall(context, *streams_);
    if (!admitted.ok()) return rpc::ToGrpc(admitted);
    auto command = commands_->Next(told_to, kStreamWake);
    if (!command.ok()) return rpc::ToGrpc(command.status());
    if (!command->has_value()) continue;
    told_to = (*command)->id();
    v1::WatchCommandsResponse response;
    *response.mutable_command() = **std::move(command);
    if (!writer->Write(response)) {
      return rpc::ToGrpc(absl::CancelledError("the watcher is gone"));
    }
  }
}

}  // namespace sluice::registry
