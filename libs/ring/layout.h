#ifndef SLUICE_LIBS_RING_LAYOUT_H_
#define SLUICE_LIBS_RING_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::ring {

// The bytes of a ring's file, as docs/ring-format.md specifies them. Needs no C++ runtime library.

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the ring is mapped as it lies on disk");
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4);

inline constexpr uint32_t kFormatVersion = 1;

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kProducerStart = 4096;
inline constexpr uint64_t kReaderStart = 8192;
inline constexpr uint64_t kControlStart = 12288;
inline constexpr uint64_t kLeasesStart = 16384;
inline constexpr uint64_t kDataStart = 65536;

inline constexpr uint64_t kMinCapacity = 64 << 10;
inline constexpr uint64_t kMaxCapacity = 1 << 30;
inline constexpr int kCounters = 64;

inline constexpr bool CapacityIsValid(uint64_t capacity) {
  return capacity >= kMinCapacity && capacity <= kMaxCapacity && capacity % kPageBytes == 0;
}

struct ProducerFields {
  std::atomic<uint64_t> head;
  uint8_t unused[56];
  std::atomic<uint64_t> counters[kCounters];
};

// Values of ReaderFields::waiting.
inline constexpr uint32_t kAwake = 0;
inline constexpr uint32_t kAsleep = 1;
inline constexpr uint32_t kNapping = 2;

struct ReaderFields {
  std::atomic<uint64_t> tail;
  uint8_t unused[56];
  std::atomic<uint32_t> waiting;
};

struct ControlFields {
  std::atomic<uint64_t> alive_until_ms;
};

struct LeaseEntry {
  std::atomic<uint64_t> key;
  std::atomic<uint64_t> value;
};

inline constexpr int kLeaseBuckets = 256;
inline constexpr int kLeasesPerBucket = 8;

static_assert(offsetof(ProducerFields, counters) == 64);
static_assert(offsetof(ReaderFields, waiting) == 64);
static_assert(sizeof(LeaseEntry) == 16);
static_assert(kLeasesStart + sizeof(LeaseEntry) * kLeaseBuckets * kLeasesPerBucket <= kDataStart);

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_LAYOUT_H_
