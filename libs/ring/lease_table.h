#ifndef SLUICE_LIBS_RING_LEASE_TABLE_H_
#define SLUICE_LIBS_RING_LEASE_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "libs/ring/layout.h"

namespace sluice::ring {

// What the reader wants refused or limited, by name, each until a time of its own. What code and
// limit mean is agreed between the programs at the two ends. Needs no C++ runtime library.
struct Lease {
  // CLOCK_BOOTTIME in milliseconds.
  uint64_t expires_ms = 0;
  uint8_t code = 0;
  uint16_t limit = 0;
};

// The table in the mapping. The reader's process writes, one thread at a time; the producer looks
// up, without lock or waiting. Bounded: 2,048 leases, 8 to a bucket.
class LeaseTable {
 public:
  LeaseTable() = default;
  // `seed` is the ring's; the fields must stay mapped.
  LeaseTable(LeaseEntry* entries, ControlFields* control, uint64_t seed)
      : entries_(entries), control_(control), seed_(seed) {}

  // For the producer.

  // Whether a reader lives.
  bool ReaderAlive(uint64_t now_ms) const;
  // Whether a lease holds for the name now; fills `lease`.
  bool Find(const void* name, size_t name_bytes, uint64_t now_ms, Lease* lease) const;

  // For the reader.

  // All leases end at this time unless it is moved on; so long the reader counts as alive.
  void KeepAliveUntil(uint64_t until_ms);
  // Sets, changes or (with expires_ms in the past) ends a lease. False: no room for one more.
  bool Set(const void* name, size_t name_bytes, uint64_t now_ms, const Lease& lease);
  // Ends all.
  void Clear();

 private:
  uint64_t KeyOf(const void* name, size_t name_bytes) const;
  LeaseEntry* Bucket(uint64_t key) const;

  LeaseEntry* entries_ = nullptr;
  ControlFields* control_ = nullptr;
  uint64_t seed_ = 0;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_LEASE_TABLE_H_
