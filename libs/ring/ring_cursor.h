#ifndef SLUICE_LIBS_RING_RING_CURSOR_H_
#define SLUICE_LIBS_RING_RING_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/ring/record_format.h"

namespace sluice::ring {

struct RingRecord {
  uint64_t ring_id = 0;
  // Where it stands, and where the next one may: what Advance() takes.
  uint64_t position = 0;
  uint64_t end = 0;
  absl::string_view content;
};

// Nothing intact stands in [from, to), so what stood there is lost.
struct RingGap {
  uint64_t ring_id = 0;
  uint64_t from = 0;
  uint64_t to = 0;
};

// Reads one ring in memory, in order, each record once. Knows no file and never waits. One thread.
class RingCursor {
 public:
  enum class Outcome {
    kCopied,
    // Nothing to read for now; for ever if the ring is closed.
    kNothing,
    // The next record does not fit into what was given.
    kNoRoom,
  };

  // Begins at the tail. `closed`: nobody appends any more, and neither the head nor the order in
  // which pages reached the disk is trusted. The memory must outlive it.
  RingCursor(const RingMemory& memory, bool closed);

  // Copies the next intact record into `out`, verifies the copy and shows its content in `record`.
  // Appends to `gaps` what had to be skipped before it (also with another outcome).
  Outcome CopyNext(uint8_t* out, size_t room, RingRecord* record, std::vector<RingGap>* gaps);

  // Goes on at `position`, everything below being durable elsewhere. False if that cannot be.
  bool SkipTo(uint64_t position);
  // Everything below `position` is durable elsewhere, and its space may be used again. So may that
  // of gaps behind the last record, once all records are given up: nobody else would, and a ring
  // full of them would stay full. False if it is not between the tail and position().
  bool Advance(uint64_t position);

  // Where it reads next.
  uint64_t position() const { return position_; }
  uint64_t tail() const { return tail_; }
  // Appended and not yet given up by Advance().
  uint64_t UsedBytes() const { return Limit() - tail_; }
  // Whether the producer appended since CopyNext() said kNothing. Sequentially consistent.
  bool MovedOn() const;

  const RingMemory& memory() const { return memory_; }
  bool closed() const { return closed_; }
  uint64_t implausible_heads() const { return implausible_heads_; }

 private:
  // Up to where to read.
  uint64_t Limit() const;
  bool HeadIsPlausible(uint64_t head) const;
  // The record at `at`, if intact, as copied to `out`; for a filler only its header.
  bool CopyIntact(uint64_t at, const RecordHeader& header, uint8_t* out) const;
  void SkipHole(uint64_t to, std::vector<RingGap>* gaps);

  const RingMemory memory_;
  const bool closed_;
  uint64_t tail_ = 0;
  uint64_t position_ = 0;
  // Behind the last record that was given, and the last gap.
  uint64_t given_end_ = 0;
  uint64_t hole_end_ = 0;
  // Of a closed ring.
  uint64_t end_ = 0;
  // No intact record begins in [position_, searched_to_).
  uint64_t searched_to_ = 0;
  // The head as it was when there was nothing more to read.
  uint64_t seen_head_ = 0;
  uint64_t implausible_heads_ = 0;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_CURSOR_H_
