#ifndef SLUICE_LIBS_RING_RECORD_FORMAT_H_
#define SLUICE_LIBS_RING_RECORD_FORMAT_H_

#include <cstddef>
#include <cstdint>

#include "libs/ring/layout.h"

namespace sluice::ring {

// Headers and records, as docs/ring-format.md specifies them. Knows no file; needs no C++ runtime
// library.

inline constexpr size_t kHeaderBytes = 80;
inline constexpr uint64_t kRecordHeaderBytes = 24;
// Positions at or above this are damage.
inline constexpr uint64_t kMaxPosition = uint64_t{1} << 62;
// So are tails at or above this: no damaged one takes a ring to where its records are not believed.
inline constexpr uint64_t kMaxTail = kMaxPosition / 2;

struct RingHeader {
  uint64_t id = 0;
  uint64_t salt = 0;
  uint64_t sequence = 0;
  uint64_t capacity = 0;
  uint64_t boot = 0;

  // Starts every checksum but the header's own.
  uint64_t Seed() const;
};

void EncodeHeader(const RingHeader& header, uint8_t (&bytes)[kHeaderBytes]);

enum class HeaderState {
  kCurrent,   // this version
  kPrevious,  // the version before this one
  kForeign,   // not a ring, or of a version too old to read
  kDamaged,
  kNewer,
};

// Fills `header` if the state is kCurrent or kPrevious. `version` is the newest one known.
HeaderState DecodeHeader(const uint8_t* bytes, size_t size, RingHeader* header,
                         uint32_t version = kFormatVersion);

// XXH3 of any bytes.
uint64_t Hash(const void* bytes, size_t size, uint64_t seed);

enum class RecordKind : uint32_t { kRecord = 0, kFiller = 1 };

struct RecordHeader {
  uint64_t checksum;
  uint64_t position;
  uint32_t content_bytes;
  uint32_t kind;

  // From this record to the next.
  uint64_t Stride() const { return (kRecordHeaderBytes + content_bytes + 7) & ~uint64_t{7}; }
};
static_assert(sizeof(RecordHeader) == kRecordHeaderBytes);

inline constexpr uint64_t MaxContentBytes(uint64_t capacity) {
  const uint64_t most = capacity / 4 - kRecordHeaderBytes;
  return most < (1 << 20) ? most : (1 << 20);
}

// Puts the checksum over the record at `record`, whose header and content stand there already.
void SealRecord(uint64_t seed, uint8_t* record);

// Whether `header`, read from the data of a ring of `capacity`, can be that of a record at
// `position`: nothing is known of its checksum yet.
bool HeaderIsPlausible(const RecordHeader& header, uint64_t position, uint64_t capacity);

// Whether the checksum of a record with a plausible header is right. `record`: header and content.
bool ChecksumIsRight(uint64_t seed, const uint8_t* record);

// The data of a ring that nobody changes meanwhile, or of which it does not matter.
struct DataArea {
  const uint8_t* bytes;
  uint64_t capacity;
  uint64_t seed;
};

// A ring as it lies in memory.
struct RingMemory {
  uint64_t id;
  ProducerFields* producer;
  ReaderFields* reader;
  ControlFields* control;
  LeaseEntry* leases;
  DataArea data;
};

// The end of the highest intact record or filler at or above position `floor`, wherever it stands;
// `floor` if there is none.
uint64_t HighestEnd(const DataArea& data, uint64_t floor);

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RECORD_FORMAT_H_
