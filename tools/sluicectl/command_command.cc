#include "tools/sluicectl/command_command.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/command_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/json_output.h"
#include "tools/sluicectl/time_format.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

using Stub = v1::CommandService::StubInterface;

Tone ToneOf(v1::CommandState state) {
  switch (state) {
    case v1::COMMAND_STATE_SUCCEEDED:
      return Tone::kGood;
    case v1::COMMAND_STATE_FAILED:
    case v1::COMMAND_STATE_CANCELLED:
      return Tone::kBad;
    default:
      return Tone::kWarning;
  }
}

// One line of JSON, or nothing if that is not possible.
std::string JsonText(const google::protobuf::Message& message) {
  auto json = ToJsonLine(message);
  return json.ok() ? *json : std::string();
}

bool HasFailed(const v1::Command& command) {
  return command.state() == v1::COMMAND_STATE_FAILED ||
         command.state() == v1::COMMAND_STATE_CANCELLED;
}

bool HasEnded(const v1::Command& command) {
  return HasFailed(command) || command.state() == v1::COMMAND_STATE_SUCCEEDED;
}

void ShowCommand(const Console& console, const v1::Command& command) {
  if (console.json) {
    WriteJson(console, command);
    return;
  }
  const std::string state = v1::CommandState_Name(command.state());
  const absl::Duration took = absl::Trunc(
      FromProto(command.update_time()) - FromProto(command.create_time()), absl::Milliseconds(1));
  WriteFields(
      console,
      {{"id", command.id()},
       {"device", command.device_id()},
       {"name", command.name()},
       {"arguments", command.arguments().fields().empty() ? "" : JsonText(command.arguments())},
       {"state",
        Cell(std::string(absl::StripPrefix(state, "COMMAND_STATE_")), ToneOf(command.state()))},
       {"result", command.has_result() ? JsonText(command.result()) : ""},
       {"error", command.error_message()},
       {"created", TimeAndAge(console, FromProto(command.create_time()))},
       {HasEnded(command) ? "took" : "sent after",
        command.state() == v1::COMMAND_STATE_PENDING ? "" : DurationText(took)}});
}

}  // namespace

int Run(const Session& session, const CommandSendOptions& options) {
  constexpr char kCommand[] = "command send";
  const Console& console = *session.console;
  const auto arguments = ParseArguments(options.arguments, options.json_arguments);
  if (!arguments.ok()) return ReportUsageError(console, kCommand, arguments.status());
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(console, kCommand, registry.status());
  const auto stub = v1::CommandService::NewStub(registry->channel);
  v1::SendCommandRequest request;
  request.set_device_id(options.device);
  request.set_name(options.name);
  *request.mutable_arguments() = *arguments;
  request.set_request_id(options.request_id);
  *request.mutable_wait() = ToProto(options.wait);
  const auto command = Call<Stub>(*registry, *stub, &Stub::SendCommand, request, options.wait);
  if (!command.ok()) return ReportServiceError(console, kCommand, command.status());
  ShowCommand(console, *command);
  if (HasFailed(*command)) return kExitCommandFailed;
  const bool waited = options.wait > absl::ZeroDuration();
  if (waited && command->state() != v1::COMMAND_STATE_SUCCEEDED) {
    WriteNote(console, kCommand,
              absl::StrCat("no answer yet; later: sluicectl command get ", command->id()));
    return kExitCommandFailed;
  }
  return kExitOk;
}

int Run(const Session& session, const CommandGetOptions& options) {
  constexpr char kCommand[] = "command get";
  const Console& console = *session.console;
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(console, kCommand, registry.status());
  const auto stub = v1::CommandService::NewStub(registry->channel);
  v1::GetCommandRequest request;
  request.set_command_id(options.id);
  const auto command = Call<Stub>(*registry, *stub, &Stub::GetCommand, request);
  if (!command.ok()) return ReportServiceError(console, kCommand, command.status());
  ShowCommand(console, *command);
  return HasFailed(*command) ? kExitCommandFailed : kExitOk;
}

}  // namespace sluice::sluicectl
