#include "services/ingress/telemetry/telemetry_response.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <utility>

namespace sluice::ingress {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t Tag(int field, WireFormatLite::WireType type) {
  return static_cast<uint32_t>(field << 3 | type);
}

constexpr uint32_t kTelemetryTag = Tag(v1::SubscribeTelemetryResponse::kTelemetryFieldNumber,
                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr uint32_t kOffsetTag =
    Tag(v1::Telemetry::kOffsetFieldNumber, WireFormatLite::WIRETYPE_VARINT);
// Of a tag of one byte and its number.
constexpr size_t kMaxFieldBytes = 11;

// Writes a field's tag and a number, its value or its length, to `field`; returns how many bytes.
size_t EncodeField(uint32_t tag, uint64_t number, uint8_t* field) {
  uint8_t* const end = CodedOutputStream::WriteTagToArray(tag, field);
  return static_cast<size_t>(CodedOutputStream::WriteVarint64ToArray(number, end) - field);
}

}  // namespace

void TelemetryResponse::Add(const RecordView& record) {
  if (!filter_->matches_all()) {
    if (!parsed_.ParseFromArray(record.bytes.data(), static_cast<int>(record.bytes.size()))) {
      ++unreadable_;
      return;
    }
    if (!filter_->Matches(parsed_)) return;
  }
  if (bytes_.empty()) bytes_.reserve(usual_bytes_);
  uint8_t offset[kMaxFieldBytes];
  const size_t offset_bytes = EncodeField(kOffsetTag, static_cast<uint64_t>(record.offset), offset);
  uint8_t head[kMaxFieldBytes];
  const size_t head_bytes = EncodeField(kTelemetryTag, record.bytes.size() + offset_bytes, head);
  bytes_.append(reinterpret_cast<const char*>(head), head_bytes);
  bytes_.append(record.bytes.data(), record.bytes.size());
  bytes_.append(reinterpret_cast<const char*>(offset), offset_bytes);
}

std::string TelemetryResponse::Take(const v1::SubscribeTelemetryResponse& rest) {
  unreadable_ = 0;
  rest.AppendToString(&bytes_);
  usual_bytes_ = bytes_.size();
  return std::exchange(bytes_, std::string());
}

}  // namespace sluice::ingress
