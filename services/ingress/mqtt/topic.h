#ifndef SLUICE_SERVICES_INGRESS_MQTT_TOPIC_H_
#define SLUICE_SERVICES_INGRESS_MQTT_TOPIC_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace sluice::ingress {

// The topics that devices publish to, as filters. Each matches what ParseTopic takes for its kind.
inline constexpr char kTelemetryFilter[] = "devices/+/telemetry";
inline constexpr char kStatusFilter[] = "devices/+/status";
inline constexpr char kCommandResponseFilter[] = "devices/+/commands/+/response";

// Where Mosquitto publishes how many messages it has dropped since its start, as a decimal number.
inline constexpr char kBrokerDropsTopic[] = "$SYS/broker/publish/messages/dropped";

// What a topic says about a message on it.
struct DeviceTopic {
  enum class Kind { kTelemetry, kStatus, kCommandResponse };
  Kind kind = Kind::kTelemetry;
  // As it stood in the topic, legal or not, even empty. Lives as long as the topic.
  absl::string_view device_id;
  // kCommandResponse only; likewise.
  absl::string_view command_id;
};

// Reads `devices/{id}/telemetry`, `devices/{id}/status` and
// `devices/{id}/commands/{command_id}/response`. Nothing for a topic of any other shape; an id is
// never checked here, and never holds a '/'.
absl::optional<DeviceTopic> ParseTopic(absl::string_view topic);

// The second level of `devices/ID/…`, legal or not; empty if the topic is no such one.
absl::string_view DeviceIdIn(absl::string_view topic);

// Whether a message of that device may be answered on this Response Topic: it lies below the
// device's own `devices/{id}/`, but not where something else is said (telemetry, status, commands,
// errors), is printable ASCII without wildcards, and at most 1,024 bytes long.
bool IsReplyTopic(absl::string_view topic, absl::string_view device_id);

// Topics that Sluice publishes to. The ids must be legal (ValidateId).
std::string CommandsTopic(absl::string_view device_id);
std::string CommandResponseTopic(absl::string_view device_id, absl::string_view command_id);
std::string ErrorsTopic(absl::string_view device_id);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_TOPIC_H_
