#ifndef SLUICE_LIBS_RING_RING_PRODUCER_H_
#define SLUICE_LIBS_RING_RING_PRODUCER_H_

#include <cstddef>
#include <cstdint>

#include "libs/ring/lease_table.h"
#include "libs/ring/ring_error.h"
#include "libs/ring/ring_file.h"

namespace sluice::ring {

// A part of a record's content.
struct Piece {
  const void* bytes = nullptr;
  size_t size = 0;
};

// The end of a ring that fills it. Meant for inside of another program: no C++ runtime library, no
// exception, no lock, no allocation; Append makes no system call but a wake-up when the reader
// sleeps and a stat() each second. Not thread-safe: one thread.
class RingProducer {
 public:
  // Since Open.
  struct Stats {
    uint64_t appended = 0;
    uint64_t full = 0;
    uint64_t wakeups = 0;
    uint64_t implausible_tails = 0;
  };

  // Takes the ring over or makes it; see ring_file.h and docs/ring-format.md. Slow (it writes the
  // whole file). On an error see errno, too. May be called again.
  RingError Open(const ProducerOptions& options);
  void Close() { file_.Close(); }
  bool is_open() const { return file_.is_open(); }

  // Appends one record made of the pieces. kNone: it is in the ring, whatever happens to this
  // process. Anything else: nothing was written. `now_ms`: CLOCK_BOOTTIME. Never blocks.
  RingError Append(const Piece* pieces, size_t count, uint64_t now_ms);

  // Syncs all that was appended to disk; blocks for as long as the disk takes.
  RingError Sync();

  // What is not drained, fillers included.
  uint64_t UsedBytes();
  bool AboveHighMark() {
    // The reader's page is looked at only if what is known of it does not suffice.
    return head_ - tail_ >= high_mark_bytes_ && UsedBytes() >= high_mark_bytes_;
  }
  uint64_t max_content_bytes() const { return MaxContentBytes(file_.capacity()); }

  // What the reader wants; only while it is open.
  const LeaseTable& leases() const { return leases_; }

  // Shown to the reader; which number means what is the caller's matter. 0 <= number < kCounters.
  void AddToCounter(int number, uint64_t amount);

  // For what else lies in the file, in tests.
  RingMemory Memory() const { return file_.Memory(); }
  const RingHeader& header() const { return file_.header(); }
  uint64_t head() const { return head_; }
  const Stats& stats() const { return stats_; }

 private:
  void Recover();
  // Takes the reader's tail over, if it can be one.
  void LearnTail();
  void WakeReader();

  RingFile file_;
  LeaseTable leases_;
  uint64_t seed_ = 0;
  uint64_t high_mark_bytes_ = ~uint64_t{0};
  uint64_t head_ = 0;
  // At most the reader's.
  uint64_t tail_ = 0;
  uint64_t next_check_ms_ = 0;
  bool replaced_ = false;
  Stats stats_;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_PRODUCER_H_
