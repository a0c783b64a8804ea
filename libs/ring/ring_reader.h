#ifndef SLUICE_LIBS_RING_RING_READER_H_
#define SLUICE_LIBS_RING_RING_READER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "libs/ring/lease_table.h"
#include "libs/ring/mapped_ring.h"
#include "libs/ring/ring_cursor.h"

namespace sluice::ring {

struct RingReaderOptions {
  // As the producer's.
  std::string path;
  // After a batch nothing is looked for so long: under load one system call for each nap, and up to
  // so much latency. 0: sleeps at once until the producer wakes it.
  absl::Duration nap = absl::Milliseconds(2);
  // Stands for the machine's boot in tests; 0: asks the kernel.
  uint64_t boot = 0;
};

// What one Read() gave. Reused from call to call.
struct RingBatch {
  // In order; valid until the batch is used again.
  std::vector<RingRecord> records;
  std::vector<RingGap> gaps;

  std::vector<uint8_t> buffer;  // where the records' contents lie
};

// The end of a ring that drains it: rings that were set aside first, then the current one, then
// what takes its place. One thread, but for Interrupt().
class RingReader {
 public:
  // Since Open.
  struct Stats {
    uint64_t records = 0;
    uint64_t gaps = 0;
    uint64_t gap_bytes = 0;
    uint64_t implausible_heads = 0;
    // Rings left alone since they could not be read.
    uint64_t unreadable_rings = 0;
    // System calls made to wait.
    uint64_t waits = 0;
  };

  // NOT_FOUND while no producer has made a ring: try again. FAILED_PRECONDITION if another reader
  // has it, or what stands at the path cannot be read. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<RingReader>> Open(const RingReaderOptions& options,
                                                          const Clock* clock);
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;
  ~RingReader();

  // Before the first Read: everything up to the end `position` of a record of this ring is durable
  // elsewhere already. Of a ring not known nothing changes; false if that ring cannot have it.
  bool ResumeAfter(uint64_t ring_id, uint64_t position);

  // Fills `batch` with at most `max_records` (at least 1) records. Empty: nothing to read now.
  void Read(size_t max_records, RingBatch* batch);

  // Everything up to the end `position` of a record that Read() gave is durable elsewhere, and so
  // is everything of the rings before. INVALID_ARGUMENT for what was not read; NOT_FOUND for a ring
  // that is not open.
  absl::Status Advance(uint64_t ring_id, uint64_t position);

  // After a Read() that gave nothing more: returns when there may be something, after `timeout`, or
  // at Interrupt(). May return early.
  void Wait(absl::Duration timeout);
  // Ends the current or the next Wait(). Any thread.
  void Interrupt();

  // Of the ring that is being read. A new ring begins without leases: set them again at times.
  LeaseTable& leases() { return rings_.back()->leases(); }
  // The producer's counters. 0 <= number < kCounters.
  uint64_t Counter(int number) const;
  uint64_t current_ring_id() const { return rings_.back()->header().id; }
  // Whether an open ring is of this boot of the machine, so that its times can be compared with
  // now.
  bool IsOfThisBoot(uint64_t ring_id) const;
  // Whether nobody appends to it any more, and it may have lost what was not synced.
  bool current_ring_is_closed() const { return rings_.back()->cursor().closed(); }
  // In all open rings, appended and not given up by Advance().
  uint64_t UsedBytes() const;
  const Stats& stats() const { return stats_; }

 private:
  RingReader(const RingReaderOptions& options, const Clock* clock);
  absl::Status Lock();
  // Opens, behind those that are open, what was set aside and then what is at the path.
  absl::Status OpenRings();
  bool IsOpen(uint64_t ring_id) const;
  // Opens what is at the path now if that has been another file for long enough.
  void LookForNewRing();
  // Gives up the rings before this one of rings_.
  void DropBefore(size_t index);
  void WaitOn(RingCursor* cursor, uint32_t how, absl::Duration timeout);

  const RingReaderOptions options_;
  const Clock* const clock_;
  const uint64_t boot_;
  int lock_fd_ = -1;
  // In the order in which they are read; not empty after Open.
  std::vector<std::unique_ptr<MappedRing>> rings_;
  size_t reading_ = 0;  // of rings_
  // Read() has given something since the last nap.
  bool busy_ = false;
  absl::Duration next_look_;
  absl::optional<absl::Duration> replaced_since_;
  Stats stats_;

  absl::Mutex mutex_;
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
  // The waiting word of the ring in use, while Wait() is inside of the kernel.
  std::atomic<uint32_t>* sleeping_on_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_READER_H_
