#include "services/registry/commands/command_rules.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/proto_time/proto_time.h"
#include "libs/status/field_violation.h"
#include "services/registry/devices/device_rules.h"

namespace sluice::registry {
namespace {

constexpr size_t kMaxArgumentsBytes = 16 << 10;
constexpr size_t kMaxResultBytes = 64 << 10;
constexpr size_t kMaxErrorMessageBytes = 1024;
constexpr int64_t kMaxWaitSeconds = 300;

bool IsJson(const google::protobuf::Value& value);

bool IsJson(const google::protobuf::Struct& object) {
  return std::all_of(object.fields().begin(), object.fields().end(),
                     [](const auto& field) { return IsJson(field.second); });
}

// Nesting is bounded by what protobuf parses (100 levels).
bool IsJson(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return std::isfinite(value.number_value());
    case google::protobuf::Value::kStructValue:
      return IsJson(value.struct_value());
    case google::protobuf::Value::kListValue:
      return std::all_of(value.list_value().values().begin(), value.list_value().values().end(),
                         [](const auto& element) { return IsJson(element); });
    case google::protobuf::Value::KIND_NOT_SET:
      return false;
    default:
      return true;
  }
}

template <typename Json>
absl::Status AtMostAsJson(const Json& message, size_t limit, absl::string_view field) {
  if (!IsJson(message)) {
    return InvalidField(field, "is not JSON: it holds NaN, an infinity or a value of no kind");
  }
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json);
  if (!status.ok()) {
    return InvalidField(field, absl::StrCat("is not JSON: ", std::string(status.message())));
  }
  if (json.size() <= limit) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("is ", json.size(), " bytes long as JSON; at most ",
                                          limit, " are allowed"));
}

void SetState(v1::CommandState state, absl::Time now, v1::Command* command) {
  command->set_state(state);
  // A clock that went back must not let a command end before it began.
  const int64_t us = std::max(absl::ToUnixMicros(now), ToMicros(command->update_time()));
  SetMicros(us, command->mutable_update_time());
}

}  // namespace

absl::Status ValidateSend(const v1::SendCommandRequest& request) {
  absl::Status status = ValidateId(request.device_id(), "device_id");
  if (!status.ok()) return status;
  if (!(status = ValidateId(request.name(), "name")).ok()) return status;
  if (!(status = ValidateRequestId(request.request_id())).ok()) return status;
  const auto& wait = request.wait();
  if (wait.seconds() < 0 || wait.nanos() < 0 || wait.seconds() > kMaxWaitSeconds ||
      (wait.seconds() == kMaxWaitSeconds && wait.nanos() > 0)) {
    return InvalidField("wait", "must be 0s to 5m");
  }
  if (!request.has_arguments()) return absl::OkStatus();
  return AtMostAsJson(request.arguments(), kMaxArgumentsBytes, "arguments");
}

absl::Status ValidateReport(const v1::ReportCommandResultRequest& request) {
  absl::Status status = ValidateId(request.command_id(), "command_id");
  if (!status.ok()) return status;
  if (request.state() != v1::COMMAND_STATE_SENT && request.state() != v1::COMMAND_STATE_SUCCEEDED &&
      request.state() != v1::COMMAND_STATE_FAILED) {
    return InvalidField("state", "must be SENT, SUCCEEDED or FAILED");
  }
  if (!request.device_id().empty()) {
    if (!(status = ValidateId(request.device_id(), "device_id")).ok()) return status;
  } else if (request.state() == v1::COMMAND_STATE_SUCCEEDED) {
    return InvalidField("device_id", "must not be empty: only its device can say SUCCEEDED");
  }
  if (request.error_message().size() > kMaxErrorMessageBytes) {
    return InvalidField("error_message",
                        absl::StrCat("is ", request.error_message().size(), " bytes long; at most ",
                                     kMaxErrorMessageBytes, " are allowed"));
  }
  if (!request.has_result()) return absl::OkStatus();
  return AtMostAsJson(request.result(), kMaxResultBytes, "result");
}

absl::Duration WaitOf(const v1::SendCommandRequest& request) { return FromProto(request.wait()); }

absl::Status CheckAccepts(const v1::Device& device, absl::string_view command_name) {
  if (!device.enabled()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the device '", device.id(), "' is disabled"));
  }
  if (!device.has_actuator()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the device '", device.id(), "' is no actuator"));
  }
  const auto& commands = device.actuator().commands();
  if (commands.empty()) return absl::OkStatus();
  for (const v1::CommandSpec& command : commands) {
    if (command.name() == command_name) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the device '", device.id(), "' has no command '", command_name, "'"));
}

v1::Command NewCommand(const v1::SendCommandRequest& request, std::string id, absl::Time now) {
  v1::Command command;
  command.set_id(std::move(id));
  command.set_device_id(request.device_id());
  command.set_name(request.name());
  if (request.has_arguments()) *command.mutable_arguments() = request.arguments();
  SetMicros(absl::ToUnixMicros(now), command.mutable_create_time());
  SetState(v1::COMMAND_STATE_PENDING, now, &command);
  return command;
}

uint64_t Fingerprint(const v1::SendCommandRequest& request) {
  v1::SendCommandRequest order;
  order.set_name(request.name());
  if (request.arguments().fields_size() > 0) *order.mutable_arguments() = request.arguments();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    order.SerializeToCodedStream(&out);
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

bool IsFinal(v1::CommandState state) {
  return state == v1::COMMAND_STATE_SUCCEEDED || state == v1::COMMAND_STATE_FAILED ||
         state == v1::COMMAND_STATE_CANCELLED;
}

absl::Status CheckReporter(const v1::ReportCommandResultRequest& report,
                           const v1::Command& command) {
  if (report.device_id().empty() || report.device_id() == command.device_id()) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "the command ", command.id(), " is not for the device '", report.device_id(), "'"));
}

bool Advance(const v1::ReportCommandResultRequest& report, absl::Time now, v1::Command* command) {
  if (IsFinal(command->state()) || report.state() <= command->state()) return false;
  SetState(report.state(), now, command);
  if (IsFinal(report.state()) && report.has_result()) {
    *command->mutable_result() = report.result();
  }
  if (report.state() == v1::COMMAND_STATE_FAILED) {
    command->set_error_message(report.error_message());
  }
  return true;
}

void Cancel(absl::string_view why, absl::Time now, v1::Command* command) {
  SetState(v1::COMMAND_STATE_CANCELLED, now, command);
  command->set_error_message(std::string(why));
}

StoredCommand ToStored(const v1::Command& command) {
  StoredCommand stored;
  stored.id = command.id();
  stored.device_id = command.device_id();
  stored.bytes = command.SerializeAsString();
  stored.ended = IsFinal(command.state());
  stored.end_time_us = ToMicros(command.update_time());
  return stored;
}

}  // namespace sluice::registry
