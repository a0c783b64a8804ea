#include "tools/fleetsim/command.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "libs/device_id/device_id.h"

namespace sluice::fleetsim {

absl::StatusOr<CommandAnswer> CarryOut(absl::string_view device_id, absl::string_view command) {
  google::protobuf::Struct order;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(command.data(), command.size()), &order);
  if (!parsed.ok()) return absl::InvalidArgumentError("the command is not a JSON object");
  const auto& members = order.fields();
  auto id = members.find("id");
  if (id == members.end()) id = members.find("command_id");
  if (id == members.end()) return absl::InvalidArgumentError("the command has no id");
  CommandAnswer answer;
  answer.command_id = id->second.string_value();
  if (absl::Status status = ValidateId(answer.command_id, "id"); !status.ok()) return status;

  google::protobuf::Struct reply;
  (*reply.mutable_fields())["status"].set_string_value("succeeded");
  auto& result = *(*reply.mutable_fields())["result"].mutable_struct_value()->mutable_fields();
  result["device"].set_string_value(std::string(device_id));
  for (const char* echoed : {"name", "arguments"}) {
    const auto member = members.find(echoed);
    if (member != members.end()) result[echoed] = member->second;
  }
  const auto written = google::protobuf::util::MessageToJsonString(reply, &answer.payload);
  if (!written.ok()) return absl::InvalidArgumentError("the command cannot be echoed");
  return answer;
}

}  // namespace sluice::fleetsim
