#ifndef SLUICE_TOOLS_FLEETSIM_MQTT_CODEC_H_
#define SLUICE_TOOLS_FLEETSIM_MQTT_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sluice::fleetsim {

// The packets of MQTT 3.1.1 that a device needs, written and read. Views point into what was given.

enum class MqttPacketType : uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrec = 5,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
};

struct MqttConnect {
  absl::string_view client_id;
  bool clean_session = false;
  uint16_t keep_alive_s = 30;
  // The Will, retained, QoS 0. An empty topic: none.
  absl::string_view will_topic;
  absl::string_view will_payload;
};

struct MqttPublish {
  absl::string_view topic;
  absl::string_view payload;
  // 0 to 2.
  int qos = 0;
  // Not 0 if qos is not 0.
  uint16_t packet_id = 0;
  bool dup = false;
  bool retain = false;
};

struct MqttSubscribe {
  absl::string_view filter;
  int qos;
};

// Topics and ids must be shorter than 64 KiB, payloads shorter than 256 MiB.
void AppendConnect(const MqttConnect& connect, std::string* out);
void AppendPublish(const MqttPublish& publish, std::string* out);
// PUBACK, PUBREC, PUBREL or PUBCOMP.
void AppendAck(MqttPacketType type, uint16_t packet_id, std::string* out);
void AppendSubscribe(uint16_t packet_id, absl::Span<const MqttSubscribe> filters, std::string* out);
// PINGREQ or DISCONNECT.
void AppendEmpty(MqttPacketType type, std::string* out);

struct MqttPacket {
  MqttPacketType type;
  // The lower half of the first byte.
  uint8_t flags;
  absl::string_view body;
};

// Reads the first packet of `bytes`: returns its size, or 0 if it is not there as a whole yet.
// INVALID_ARGUMENT: this is not MQTT 3.1.1, or the body is larger than max_body_bytes.
absl::StatusOr<size_t> ReadPacket(absl::string_view bytes, size_t max_body_bytes,
                                  MqttPacket* packet);

struct MqttConnack {
  bool session_present = false;
  // 0: accepted.
  uint8_t code = 0;
};

// Each fails with INVALID_ARGUMENT if the body is not what the type asks for.
absl::StatusOr<MqttConnack> ParseConnack(const MqttPacket& packet);
absl::StatusOr<MqttPublish> ParsePublish(const MqttPacket& packet);
// The packet id of a PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK.
absl::StatusOr<uint16_t> ParseAck(const MqttPacket& packet);

struct MqttSuback {
  uint16_t packet_id;
  // A byte for each filter: the QoS granted, or 0x80 for a refusal.
  absl::string_view codes;
};
absl::StatusOr<MqttSuback> ParseSuback(const MqttPacket& packet);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_MQTT_CODEC_H_
