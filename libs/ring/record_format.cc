#include "libs/ring/record_format.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::ring {
namespace {

constexpr char kMagic[] = "SLUICERG";
constexpr size_t kMagicBytes = 8;
constexpr size_t kSummedHeaderBytes = kHeaderBytes - sizeof(uint64_t);

template <typename Number>
void Put(Number value, uint8_t* out) {
  std::memcpy(out, &value, sizeof(value));
}

template <typename Number>
Number Get(const uint8_t* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

uint64_t RecordChecksum(uint64_t seed, const uint8_t* record) {
  const auto header = Get<RecordHeader>(record);
  const bool filler = header.kind == static_cast<uint32_t>(RecordKind::kFiller);
  const size_t content_bytes = filler ? 0 : header.content_bytes;
  const size_t summed_bytes = kRecordHeaderBytes - sizeof(uint64_t) + content_bytes;
  return XXH3_64bits_withSeed(record + sizeof(uint64_t), summed_bytes, seed);
}

}  // namespace

uint64_t RingHeader::Seed() const {
  const uint64_t words[] = {id, salt};
  return XXH3_64bits(words, sizeof(words));
}

void EncodeHeader(const RingHeader& header, uint8_t (&bytes)[kHeaderBytes]) {
  std::memset(bytes, 0, sizeof(bytes));
  std::memcpy(bytes, kMagic, kMagicBytes);
  Put<uint32_t>(kFormatVersion, bytes + 8);
  Put<uint32_t>(kHeaderBytes, bytes + 12);
  Put(header.id, bytes + 16);
  Put(header.salt, bytes + 24);
  Put(header.sequence, bytes + 32);
  Put(header.capacity, bytes + 40);
  Put(header.boot, bytes + 48);
  Put<uint64_t>(XXH3_64bits(bytes, kSummedHeaderBytes), bytes + kSummedHeaderBytes);
}

HeaderState DecodeHeader(const uint8_t* bytes, size_t size, RingHeader* header, uint32_t version) {
  if (size < kMagicBytes || std::memcmp(bytes, kMagic, kMagicBytes) != 0) {
    return HeaderState::kForeign;
  }
  if (size < kHeaderBytes ||
      Get<uint64_t>(bytes + kSummedHeaderBytes) != XXH3_64bits(bytes, kSummedHeaderBytes)) {
    return HeaderState::kDamaged;
  }
  const auto found = Get<uint32_t>(bytes + 8);
  if (found > version) return HeaderState::kNewer;
  if (found == 0 || found + 1 < version) return HeaderState::kForeign;
  header->id = Get<uint64_t>(bytes + 16);
  header->salt = Get<uint64_t>(bytes + 24);
  header->sequence = Get<uint64_t>(bytes + 32);
  header->capacity = Get<uint64_t>(bytes + 40);
  header->boot = Get<uint64_t>(bytes + 48);
  return found == version ? HeaderState::kCurrent : HeaderState::kPrevious;
}

uint64_t Hash(const void* bytes, size_t size, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

void SealRecord(uint64_t seed, uint8_t* record) { Put(RecordChecksum(seed, record), record); }

bool HeaderIsPlausible(const RecordHeader& header, uint64_t position, uint64_t capacity) {
  if (header.position != position) return false;
  const uint64_t rest = capacity - position % capacity;
  if (header.kind == static_cast<uint32_t>(RecordKind::kFiller)) {
    return rest == kRecordHeaderBytes + header.content_bytes;
  }
  return header.kind == static_cast<uint32_t>(RecordKind::kRecord) &&
         header.content_bytes <= MaxContentBytes(capacity) && header.Stride() <= rest;
}

bool ChecksumIsRight(uint64_t seed, const uint8_t* record) {
  return Get<uint64_t>(record) == RecordChecksum(seed, record);
}

uint64_t HighestEnd(const DataArea& data, uint64_t floor) {
  uint64_t highest = floor;
  for (uint64_t slot = 0; slot + kRecordHeaderBytes <= data.capacity;) {
    const auto header = Get<RecordHeader>(data.bytes + slot);
    if (header.position >= floor && header.position < kMaxPosition &&
        header.position % data.capacity == slot &&
        HeaderIsPlausible(header, header.position, data.capacity) &&
        ChecksumIsRight(data.seed, data.bytes + slot)) {
      const uint64_t end = header.position + header.Stride();
      if (end > highest) highest = end;
      slot += header.Stride();
    } else {
      slot += 8;
    }
  }
  return highest;
}

}  // namespace sluice::ring
