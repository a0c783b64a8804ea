#include "libs/mqtt_record/append_record.h"

namespace sluice::mqtt_record {

ring::RingError AppendRecord(Record record, uint64_t now_ms, ring::RingProducer* producer) {
  Bound(&record);
  uint8_t header[kHeaderBytes];
  EncodeHeader(record, header);
  ring::Piece pieces[kParts + 1] = {{header, sizeof(header)}};
  for (size_t i = 0; i < kParts; ++i) {
    const Bytes& part = record.*kPartsInOrder[i];
    pieces[i + 1] = {part.data, part.size};
  }
  return producer->Append(pieces, kParts + 1, now_ms);
}

}  // namespace sluice::mqtt_record
