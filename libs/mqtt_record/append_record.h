#ifndef SLUICE_LIBS_MQTT_RECORD_APPEND_RECORD_H_
#define SLUICE_LIBS_MQTT_RECORD_APPEND_RECORD_H_

#include <cstdint>

#include "libs/mqtt_record/mqtt_record.h"
#include "libs/ring/ring_producer.h"

namespace sluice::mqtt_record {

// Appends the record to the ring, Bound(). As RingProducer::Append; a bounded record fits into an
// empty ring of 1 MiB or more. Needs no C++ runtime library.
ring::RingError AppendRecord(Record record, uint64_t now_ms, ring::RingProducer* producer);

}  // namespace sluice::mqtt_record

#endif  // SLUICE_LIBS_MQTT_RECORD_APPEND_RECORD_H_
