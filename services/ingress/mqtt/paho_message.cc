#include "services/ingress/mqtt/paho_message.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::ingress {
namespace {

constexpr size_t kMaxTopicBytes = 1024;
constexpr size_t kMaxPayloadBytes = 64 << 10;
constexpr size_t kMaxPropertyBytes = 8 << 10;

// A number of seconds as an MQTT 5 property holds it; what does not fit becomes the largest.
int32_t PropertySeconds(absl::Duration duration) {
  const int64_t seconds =
      std::clamp<int64_t>(absl::ToInt64Seconds(duration), 0, std::numeric_limits<uint32_t>::max());
  return static_cast<int32_t>(static_cast<uint32_t>(seconds));
}

absl::string_view View(const MQTTLenString& text) {
  return text.data == nullptr ? absl::string_view() : absl::string_view(text.data, text.len);
}

// The first property of that code, which holds bytes; empty if there is none.
absl::string_view BytesOf(const mqtt::message& message, MQTTPropertyCodes code) {
  const MQTTProperty* const property = MQTTProperties_getProperty(
      const_cast<MQTTProperties*>(&message.get_properties().c_struct()), code);
  return property == nullptr ? absl::string_view() : View(property->value.data);
}

}  // namespace

int PahoVersion(int protocol_version) {
  return protocol_version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
}

mqtt::connect_options MakeConnectOptions(const PahoConnect& connect) {
  mqtt::connect_options options;
  options.set_mqtt_version(PahoVersion(connect.protocol_version));
  if (connect.protocol_version == 5) {
    options.set_clean_start(false);
    options.set_properties(mqtt::properties{
        {mqtt::property::SESSION_EXPIRY_INTERVAL, PropertySeconds(connect.session_expiry)}});
  } else {
    options.set_clean_session(false);
  }
  options.set_keep_alive_interval(static_cast<int>(absl::ToInt64Seconds(connect.keep_alive)));
  options.set_connect_timeout(static_cast<int>(absl::ToInt64Seconds(connect.connect_timeout)));
  options.set_max_inflight(connect.max_in_flight);
  options.set_automatic_reconnect(false);
  if (!connect.username.empty()) options.set_user_name(connect.username);
  if (!connect.password.empty()) options.set_password(connect.password);
  return options;
}

absl::Status CheckPublication(const Publication& publication) {
  const auto wrong = [](absl::string_view what) { return absl::InvalidArgumentError(what); };
  if (publication.topic.empty() || publication.topic.size() > kMaxTopicBytes) {
    return wrong("topic: must be 1 to 1,024 bytes");
  }
  if (publication.topic.find_first_of(std::string("#+\0", 3)) != std::string::npos) {
    return wrong("topic: must hold no wildcard and no NUL");
  }
  if (publication.payload.size() > kMaxPayloadBytes) return wrong("payload: larger than 64 KiB");
  if (publication.qos < 0 || publication.qos > 2) return wrong("qos: must be 0, 1 or 2");
  if (publication.content_type.size() + publication.response_topic.size() +
          publication.correlation_data.size() >
      kMaxPropertyBytes) {
    return wrong("properties: larger than 8 KiB");
  }
  return absl::OkStatus();
}

mqtt::message_ptr MakePahoMessage(const Publication& publication, int protocol_version) {
  mqtt::message_ptr message =
      mqtt::make_message(publication.topic, publication.payload.data(), publication.payload.size(),
                         publication.qos, publication.retain);
  if (protocol_version < 5) return message;
  mqtt::properties properties;
  if (!publication.content_type.empty()) {
    properties.add({mqtt::property::CONTENT_TYPE, publication.content_type});
  }
  if (!publication.response_topic.empty()) {
    properties.add({mqtt::property::RESPONSE_TOPIC, publication.response_topic});
  }
  if (!publication.correlation_data.empty()) {
    properties.add({mqtt::property::CORRELATION_DATA, publication.correlation_data});
  }
  if (publication.message_expiry > absl::ZeroDuration()) {
    // 0 would be an expiry at once.
    properties.add({mqtt::property::MESSAGE_EXPIRY_INTERVAL,
                    PropertySeconds(std::max(publication.message_expiry, absl::Seconds(1)))});
  }
  message->set_properties(std::move(properties));
  return message;
}

absl::string_view ContentType(const mqtt::message& message) {
  return BytesOf(message, MQTTPROPERTY_CODE_CONTENT_TYPE);
}

absl::string_view ResponseTopic(const mqtt::message& message) {
  return BytesOf(message, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
}

absl::string_view CorrelationData(const mqtt::message& message) {
  return BytesOf(message, MQTTPROPERTY_CODE_CORRELATION_DATA);
}

absl::string_view UserProperty(const mqtt::message& message, absl::string_view name) {
  const MQTTProperties& all = message.get_properties().c_struct();
  for (int i = 0; i < all.count; ++i) {
    const MQTTProperty& property = all.array[i];
    if (property.identifier != MQTTPROPERTY_CODE_USER_PROPERTY) continue;
    if (View(property.value.data) == name) return View(property.value.value);
  }
  return {};
}

absl::Status FailureOf(const mqtt::token& token) {
  const int reason = static_cast<int>(token.get_reason_code());
  // Under 3.1.1 the library leaves 0xff here.
  if (reason < 0x80 || reason == 0xff) {
    return absl::AbortedError(
        absl::StrCat("not completed: ", mqtt::exception::error_str(token.get_return_code())));
  }
  const std::string text = absl::StrCat("refused by the broker with reason code ", reason);
  return reason == 0x87 ? absl::PermissionDeniedError(text) : absl::FailedPreconditionError(text);
}

}  // namespace sluice::ingress
