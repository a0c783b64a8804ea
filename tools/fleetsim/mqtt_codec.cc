#include "tools/fleetsim/mqtt_codec.h"

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

constexpr uint8_t kConnectCleanSession = 0x02;
constexpr uint8_t kConnectWill = 0x04;
constexpr uint8_t kConnectWillRetain = 0x20;

void AppendUint16(uint16_t value, std::string* out) {
  out->push_back(static_cast<char>(value >> 8));
  out->push_back(static_cast<char>(value & 0xff));
}

void AppendText(absl::string_view text, std::string* out) {
  AppendUint16(static_cast<uint16_t>(text.size()), out);
  out->append(text.data(), text.size());
}

void AppendHeader(MqttPacketType type, uint8_t flags, size_t body_bytes, std::string* out) {
  out->push_back(static_cast<char>((static_cast<uint8_t>(type) << 4) | flags));
  do {
    uint8_t digit = body_bytes & 0x7f;
    body_bytes >>= 7;
    if (body_bytes > 0) digit |= 0x80;
    out->push_back(static_cast<char>(digit));
  } while (body_bytes > 0);
}

uint16_t Uint16At(absl::string_view bytes, size_t at) {
  return static_cast<uint16_t>((static_cast<uint8_t>(bytes[at]) << 8) |
                               static_cast<uint8_t>(bytes[at + 1]));
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed MQTT: ", what));
}

// The flags that a packet of this type must have, except for PUBLISH, which has its own.
uint8_t RequiredFlags(MqttPacketType type) {
  switch (type) {
    case MqttPacketType::kPubrel:
    case MqttPacketType::kSubscribe:
    case MqttPacketType::kUnsubscribe:
      return 2;
    default:
      return 0;
  }
}

}  // namespace

void AppendConnect(const MqttConnect& connect, std::string* out) {
  const bool will = !connect.will_topic.empty();
  size_t body = 10 + 2 + connect.client_id.size();
  if (will) body += 4 + connect.will_topic.size() + connect.will_payload.size();
  AppendHeader(MqttPacketType::kConnect, 0, body, out);
  AppendText("MQTT", out);
  out->push_back(4);
  uint8_t flags = connect.clean_session ? kConnectCleanSession : 0;
  if (will) flags |= kConnectWill | kConnectWillRetain;
  out->push_back(static_cast<char>(flags));
  AppendUint16(connect.keep_alive_s, out);
  AppendText(connect.client_id, out);
  if (will) {
    AppendText(connect.will_topic, out);
    AppendText(connect.will_payload, out);
  }
}

void AppendPublish(const MqttPublish& publish, std::string* out) {
  const uint8_t flags =
      static_cast<uint8_t>((publish.dup ? 8 : 0) | (publish.qos << 1) | (publish.retain ? 1 : 0));
  const size_t body = 2 + publish.topic.size() + (publish.qos > 0 ? 2 : 0) + publish.payload.size();
  AppendHeader(MqttPacketType::kPublish, flags, body, out);
  AppendText(publish.topic, out);
  if (publish.qos > 0) AppendUint16(publish.packet_id, out);
  out->append(publish.payload.data(), publish.payload.size());
}

void AppendAck(MqttPacketType type, uint16_t packet_id, std::string* out) {
  AppendHeader(type, RequiredFlags(type), 2, out);
  AppendUint16(packet_id, out);
}

void AppendSubscribe(uint16_t packet_id, absl::Span<const MqttSubscribe> filters,
                     std::string* out) {
  size_t body = 2;
  for (const MqttSubscribe& filter : filters) body += 3 + filter.filter.size();
  AppendHeader(MqttPacketType::kSubscribe, RequiredFlags(MqttPacketType::kSubscribe), body, out);
  AppendUint16(packet_id, out);
  for (const MqttSubscribe& filter : filters) {
    AppendText(filter.filter, out);
    out->push_back(static_cast<char>(filter.qos));
  }
}

void AppendEmpty(MqttPacketType type, std::string* out) { AppendHeader(type, 0, 0, out); }

absl::StatusOr<size_t> ReadPacket(absl::string_view bytes, size_t max_body_bytes,
                                  MqttPacket* packet) {
  if (bytes.empty()) return 0;
  const uint8_t first = static_cast<uint8_t>(bytes[0]);
  if (first >> 4 == 0 || first >> 4 == 15) return Malformed("reserved packet type");
  packet->type = static_cast<MqttPacketType>(first >> 4);
  packet->flags = first & 0x0f;
  if (packet->type != MqttPacketType::kPublish && packet->flags != RequiredFlags(packet->type)) {
    return Malformed("flags");
  }
  size_t body = 0;
  for (size_t i = 1; i <= 4; ++i) {
    if (i >= bytes.size()) return 0;
    const uint8_t digit = static_cast<uint8_t>(bytes[i]);
    body |= static_cast<size_t>(digit & 0x7f) << (7 * (i - 1));
    if ((digit & 0x80) != 0) continue;
    if (body > max_body_bytes) return Malformed(absl::StrCat("packet of ", body, " bytes"));
    if (bytes.size() < 1 + i + body) return 0;
    packet->body = bytes.substr(1 + i, body);
    return 1 + i + body;
  }
  return Malformed("remaining length");
}

absl::StatusOr<MqttConnack> ParseConnack(const MqttPacket& packet) {
  if (packet.body.size() != 2) return Malformed("CONNACK");
  const uint8_t flags = static_cast<uint8_t>(packet.body[0]);
  if (flags > 1) return Malformed("CONNACK flags");
  return MqttConnack{flags == 1, static_cast<uint8_t>(packet.body[1])};
}

absl::StatusOr<MqttPublish> ParsePublish(const MqttPacket& packet) {
  MqttPublish publish;
  publish.qos = (packet.flags >> 1) & 3;
  publish.dup = (packet.flags & 8) != 0;
  publish.retain = (packet.flags & 1) != 0;
  if (publish.qos == 3) return Malformed("PUBLISH with QoS 3");
  absl::string_view body = packet.body;
  if (body.size() < 2) return Malformed("PUBLISH");
  const size_t topic_bytes = Uint16At(body, 0);
  body.remove_prefix(2);
  const size_t id_bytes = publish.qos > 0 ? 2 : 0;
  if (topic_bytes == 0 || body.size() < topic_bytes + id_bytes) return Malformed("PUBLISH topic");
  publish.topic = body.substr(0, topic_bytes);
  body.remove_prefix(topic_bytes);
  if (publish.qos > 0) {
    publish.packet_id = Uint16At(body, 0);
    if (publish.packet_id == 0) return Malformed("PUBLISH packet id");
    body.remove_prefix(2);
  }
  publish.payload = body;
  return publish;
}

absl::StatusOr<uint16_t> ParseAck(const MqttPacket& packet) {
  if (packet.body.size() != 2) return Malformed("acknowledgement");
  return Uint16At(packet.body, 0);
}

absl::StatusOr<MqttSuback> ParseSuback(const MqttPacket& packet) {
  if (packet.body.size() < 3) return Malformed("SUBACK");
  return MqttSuback{Uint16At(packet.body, 0), packet.body.substr(2)};
}

}  // namespace sluice::fleetsim
