#include "services/ingress/commands/command_message.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "services/ingress/mqtt/json_string.h"
#include "services/ingress/mqtt/topic.h"

namespace sluice::ingress {

absl::StatusOr<Publication> MakeCommandPublication(const v1::Command& command) {
  if (const absl::Status legal = ValidateId(command.device_id(), "command.device_id");
      !legal.ok()) {
    return legal;
  }
  if (const absl::Status legal = ValidateId(command.id(), "command.id"); !legal.ok()) return legal;
  std::string arguments = "{}";
  if (command.has_arguments()) {
    arguments.clear();
    const auto written =
        google::protobuf::util::MessageToJsonString(command.arguments(), &arguments);
    if (!written.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("command.arguments: ", std::string(written.message())));
    }
  }
  return Publication{
      .topic = CommandsTopic(command.device_id()),
      .payload = absl::StrCat("{\"command_id\": ", JsonString(command.id()), ", \"name\": ",
                              JsonString(command.name()), ", \"arguments\": ", arguments, "}"),
      .qos = 2,
      .content_type = "application/json",
      .response_topic = CommandResponseTopic(command.device_id(), command.id()),
      .correlation_data = command.id(),
  };
}

}  // namespace sluice::ingress
