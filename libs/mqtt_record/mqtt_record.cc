#include "libs/mqtt_record/mqtt_record.h"

#include <cstring>
#include <initializer_list>

namespace sluice::mqtt_record {
namespace {

constexpr uint8_t kRetain = 1;
constexpr uint8_t kReplyLeftOut = 2;
// All parts but the payload.
constexpr size_t kTexts = kParts - 1;

struct Header {
  uint16_t version;
  uint8_t kind;
  uint8_t flags;
  uint8_t qos;
  uint8_t protocol_version;
  uint8_t unused[2];
  uint32_t payload_size;
  uint16_t text_sizes[kTexts];
  uint8_t unused_too[6];
  int64_t received_us;
  uint64_t uptime_us;
  uint64_t broker_start_id;
};
static_assert(sizeof(Header) == kHeaderBytes);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "headers are copied as they lie in memory");

void Cut(Bytes* bytes, size_t most) {
  if (bytes->size > most) bytes->size = most;
}

}  // namespace

void Bound(Record* record) {
  Cut(&record->payload, kMaxPayloadBytes);
  Cut(&record->topic, kMaxTopicBytes);
  for (Bytes* const text :
       {&record->client_id, &record->username, &record->message_id, &record->content_type}) {
    Cut(text, kMaxNameBytes);
  }
  record->reply_left_out = record->response_topic.size > kMaxTopicBytes ||
                           record->correlation_data.size > kMaxCorrelationBytes;
  if (record->reply_left_out) record->response_topic = record->correlation_data = Bytes();
}

void EncodeHeader(const Record& record, uint8_t (&header)[kHeaderBytes]) {
  Header fields = {};
  fields.version = kVersion;
  fields.kind = static_cast<uint8_t>(record.kind);
  fields.flags = static_cast<uint8_t>((record.retain ? kRetain : 0) |
                                      (record.reply_left_out ? kReplyLeftOut : 0));
  fields.qos = record.qos;
  fields.protocol_version = record.protocol_version;
  fields.payload_size = record.payload_size;
  for (size_t i = 0; i < kTexts; ++i) {
    fields.text_sizes[i] = static_cast<uint16_t>((record.*kPartsInOrder[i]).size);
  }
  fields.received_us = record.received_us;
  fields.uptime_us = record.uptime_us;
  fields.broker_start_id = record.broker_start_id;
  std::memcpy(header, &fields, sizeof(fields));
}

bool Decode(const void* content, size_t size, Record* record) {
  Header fields;
  if (size < sizeof(fields)) return false;
  std::memcpy(&fields, content, sizeof(fields));
  if (fields.version != kVersion || fields.qos > 2 ||
      fields.kind > static_cast<uint8_t>(Kind::kUnknownTopic)) {
    return false;
  }
  Record read;
  read.kind = static_cast<Kind>(fields.kind);
  read.qos = fields.qos;
  read.retain = (fields.flags & kRetain) != 0;
  read.protocol_version = fields.protocol_version;
  read.reply_left_out = (fields.flags & kReplyLeftOut) != 0;
  read.payload_size = fields.payload_size;
  read.received_us = fields.received_us;
  read.uptime_us = fields.uptime_us;
  read.broker_start_id = fields.broker_start_id;
  const uint8_t* at = static_cast<const uint8_t*>(content) + sizeof(fields);
  size_t left = size - sizeof(fields);
  for (size_t i = 0; i < kTexts; ++i) {
    if (fields.text_sizes[i] > left) return false;
    read.*kPartsInOrder[i] = {at, fields.text_sizes[i]};
    at += fields.text_sizes[i];
    left -= fields.text_sizes[i];
  }
  read.payload = {at, left};
  *record = read;
  return true;
}

}  // namespace sluice::mqtt_record
