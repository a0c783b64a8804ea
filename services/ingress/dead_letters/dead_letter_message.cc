#include "services/ingress/dead_letters/dead_letter_message.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/proto_time/proto_time.h"
#include "services/ingress/coap/resource_path.h"
#include "services/ingress/mqtt/topic.h"

namespace sluice::ingress {
namespace {

using Kind = InboundMessage::Kind;

void ReadTopic(absl::string_view topic, InboundMessage* message) {
  const auto read = ParseTopic(topic);
  if (!read.has_value()) return;
  switch (read->kind) {
    case DeviceTopic::Kind::kTelemetry:
      message->kind = Kind::kTelemetry;
      break;
    case DeviceTopic::Kind::kStatus:
      message->kind = Kind::kStatus;
      break;
    case DeviceTopic::Kind::kCommandResponse:
      message->kind = Kind::kCommandResponse;
      break;
  }
  message->command_id = read->command_id;
}

void ReadPath(absl::string_view path, InboundMessage* message) {
  if (path.empty() || path.front() != '/') return;
  const std::vector<absl::string_view> segments = absl::StrSplit(path.substr(1), '/');
  const CoapResource resource = ParseResourcePath(segments);
  switch (resource.kind) {
    case CoapResource::Kind::kTelemetry:
      message->kind = Kind::kTelemetry;
      break;
    case CoapResource::Kind::kStatus:
      message->kind = Kind::kStatus;
      break;
    case CoapResource::Kind::kCommandResponse:
      message->kind = Kind::kCommandResponse;
      break;
    case CoapResource::Kind::kUnknown:
    case CoapResource::Kind::kWellKnownCore:
      break;
  }
  message->command_id = resource.command_id;
}

}  // namespace

absl::StatusOr<InboundMessage> MessageOf(const v1::DeadLetter& letter) {
  const auto kept = static_cast<int64_t>(letter.payload().size());
  if (letter.payload_size_bytes() > kept) {
    return absl::FailedPreconditionError(absl::StrCat("only ", kept, " of the payload's ",
                                                      letter.payload_size_bytes(),
                                                      " bytes were kept: it cannot be replayed"));
  }
  // Ids that were no UTF-8 were refused as malformed, and several may look alike now.
  if (letter.reason() == v1::DEAD_LETTER_REASON_MALFORMED &&
      absl::StrContains(letter.message_id(), "\uFFFD")) {
    return absl::FailedPreconditionError(
        "its message id was not UTF-8 and was not kept as it was: it cannot be replayed");
  }
  InboundMessage message;
  message.kind = Kind::kUnknown;
  message.protocol = letter.protocol();
  if (letter.protocol() == v1::PROTOCOL_MQTT) ReadTopic(letter.address(), &message);
  if (letter.protocol() == v1::PROTOCOL_COAP) ReadPath(letter.address(), &message);
  message.qos = 1;
  message.device_id = letter.device_id();
  message.address = letter.address();
  message.message_id = letter.message_id();
  message.content_type = letter.content_type();
  message.payload = letter.payload();
  message.payload_size_bytes = letter.payload_size_bytes();
  message.received = {FromProto(letter.received_time()), -absl::InfiniteDuration()};
  message.client_id = letter.sender().client_id();
  message.username = letter.sender().username();
  return message;
}

}  // namespace sluice::ingress
