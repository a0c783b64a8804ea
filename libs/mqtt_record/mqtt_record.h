#ifndef SLUICE_LIBS_MQTT_RECORD_MQTT_RECORD_H_
#define SLUICE_LIBS_MQTT_RECORD_MQTT_RECORD_H_

#include <cstddef>
#include <cstdint>

namespace sluice::mqtt_record {

// What the broker's plugin puts into a record of the ring and ingress takes out: one PUBLISH, as it
// came, or a sighting of one on a topic that nobody takes. Needs no C++ runtime library.
//
// A record is a header of 56 bytes (numbers little-endian), then topic, client id, user name,
// message id, content type, response topic and correlation data of the sizes that it states, then
// the payload up to the record's end.

inline constexpr uint16_t kVersion = 1;
inline constexpr size_t kHeaderBytes = 56;
// The largest that a part is taken with: a larger one is cut. A cut payload tells so by
// payload_size, and no topic that was cut has a legal id in it.
inline constexpr size_t kMaxPayloadBytes = 64 << 10;
inline constexpr size_t kMaxTopicBytes = 4096;
inline constexpr size_t kMaxNameBytes = 1024;
inline constexpr size_t kMaxCorrelationBytes = 4096;

enum class Kind : uint8_t {
  kPublish = 0,
  // On a topic under `devices/` that is nobody's: without payload, for people to see.
  kUnknownTopic = 1,
};

struct Bytes {
  const void* data = nullptr;
  size_t size = 0;
};

struct Record {
  Kind kind = Kind::kPublish;
  // Of the PUBLISH, as the sender set it.
  uint8_t qos = 0;
  bool retain = false;
  // 3, 4 (3.1.1) or 5.
  uint8_t protocol_version = 0;
  // Response topic and correlation data (for receipts) were too large and are left out: there can
  // be no receipt.
  bool reply_left_out = false;
  // Size of the payload as it came.
  uint32_t payload_size = 0;
  // When it came: µs since the Unix epoch by the box's clock, and µs of CLOCK_BOOTTIME.
  int64_t received_us = 0;
  uint64_t uptime_us = 0;
  // Random; another one after each start of the broker.
  uint64_t broker_start_id = 0;

  Bytes topic;
  Bytes client_id;
  Bytes username;
  // MQTT 5: the first user property `id`, and the properties of these names. Else empty.
  Bytes message_id;
  Bytes content_type;
  Bytes response_topic;
  Bytes correlation_data;
  Bytes payload;
};

// The parts behind the header, in their order; the sizes of all but the last stand in it.
inline constexpr size_t kParts = 8;
inline constexpr Bytes Record::*kPartsInOrder[kParts] = {
    &Record::topic,        &Record::client_id,      &Record::username,         &Record::message_id,
    &Record::content_type, &Record::response_topic, &Record::correlation_data, &Record::payload};

// Cuts what is too large, or leaves it out.
void Bound(Record* record);

// The header of a record that is Bound().
void EncodeHeader(const Record& record, uint8_t (&header)[kHeaderBytes]);

// Reads a whole record; its parts point into `content`. False if that is not one: nothing is
// changed.
bool Decode(const void* content, size_t size, Record* record);

}  // namespace sluice::mqtt_record

#endif  // SLUICE_LIBS_MQTT_RECORD_MQTT_RECORD_H_
