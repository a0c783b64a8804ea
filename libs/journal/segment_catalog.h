#ifndef SLUICE_LIBS_JOURNAL_SEGMENT_CATALOG_H_
#define SLUICE_LIBS_JOURNAL_SEGMENT_CATALOG_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/journal/damage_ledger.h"
#include "libs/journal/journal.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {

// Distance between two index points.
inline constexpr int64_t kIndexBytes = 256 << 10;

// One segment file.
struct Segment {
  std::string path;
  uint64_t seed = 0;
  int64_t first_offset = 0;
  // See SegmentHeader.
  int64_t skipped_before = 0;
  // See SegmentHeader. INT64_MAX: not known.
  int64_t max_time_before_us = INT64_MIN;
};

// What a reader may read of a segment.
struct SegmentLimit {
  int64_t position = 0;  // ends here
  int64_t offset = 0;    // records there are below this one
  // Nothing will be added, or it was deleted: go on with the next segment.
  bool closed = false;
};

// Where to read an offset.
struct SegmentPlace {
  // The segment that may hold it. None: it lies below every segment, the first of which begins at
  // `begin_offset`.
  std::shared_ptr<const Segment> segment;
  int64_t begin_offset = 0;
  // A place in the segment at or before it where a record begins, and that record's offset.
  int64_t position = 0;
  int64_t offset = 0;
};

// Which of the oldest segments are to go.
struct DropRules {
  // Below it records are acknowledged: a segment that ends there is let go by any of these.
  int64_t retention_point = INT64_MAX;
  int64_t max_bytes = INT64_MAX;        // of the log
  int64_t missing_bytes = 0;            // to be freed for the disk's reserve
  int64_t stale_before_us = INT64_MIN;  // by its last record; one segment at a time
  // These let go of any other, too.
  int64_t hard_max_bytes = INT64_MAX;      // of the log
  bool missing_bytes_from_needed = false;  // may be freed at the cost of others
};

// A segment that was taken out of the catalog.
struct DroppedSegment {
  std::string path;
  int64_t deleted_records = 0;
  int64_t deleted_unacknowledged_records = 0;
  bool for_reserve = false;  // and not for the log's own size
};

// Which segments there are and what of them is durable: what the appending thread, the syncing
// thread and the readers share. Thread-safe; calls are short.
class SegmentCatalog {
 public:
  // `begin_offset`: everything below was deleted; of that the last `dropped` offsets although they
  // were not acknowledged.
  explicit SegmentCatalog(int64_t begin_offset, int64_t dropped = 0)
      : retained_from_(begin_offset), dropped_from_(begin_offset - dropped) {}

  // Segments come in order. The one before is closed for good then, with this size.
  void Add(std::shared_ptr<const Segment> segment, int64_t previous_end_position);
  // Everything up to here is durable: in `segment`, which is in the catalog, the records below
  // `position`.
  void SetDurable(const Segment& segment, int64_t position, int64_t offset);
  // In the last segment a record begins at `position`, that of `offset`: spares readers the search.
  void AddIndexPoint(int64_t position, int64_t offset);
  // A reader found the same in any segment: kept if the point before it lies kIndexBytes away. So
  // segments from before Open get their index when they are read.
  void LearnIndexPoint(const Segment& segment, int64_t position, int64_t offset);

  // The first offset that is there, or would be.
  int64_t begin_offset() const;
  // Of the offsets right below begin_offset() so many were deleted without being acknowledged.
  int64_t dropped_before_begin() const;
  int64_t durable_offset() const;
  // Of segments, as far as they are durable.
  int64_t bytes() const;
  int64_t segments() const;
  // Size of the segments below the one that holds `offset`, as far as Drop may take them.
  int64_t BytesBelow(int64_t offset) const;
  // Size of the rest, without the last one.
  int64_t ClosedBytesFrom(int64_t offset) const;

  // About how many bytes lie between the record of `offset` and the durable end: see
  // Journal::BytesFrom.
  int64_t BytesFrom(int64_t offset) const;

  SegmentPlace Locate(int64_t offset) const;
  SegmentLimit Limit(const Segment& segment) const;
  // The first segment that may hold a record that was appended at or after `time_us`.
  int64_t FirstOffsetNear(int64_t time_us) const;

  // Why the offsets [from, to) hold no record, in order, after counting those that are damaged.
  std::vector<Gap> Classify(int64_t from, int64_t to);
  int64_t corrupt_records() const;

  // Takes the oldest segments out. The last one that is durable stays, and what is after it.
  std::vector<DroppedSegment> Drop(const DropRules& rules);

 private:
  struct Entry {
    std::shared_ptr<const Segment> segment;
    int64_t bytes_before = 0;                        // of all segments before it that ever were
    int64_t end_position = 0;                        // as far as it is known to be durable
    int64_t end_offset = INT64_MAX;                  // where the next one begins
    std::vector<std::pair<int64_t, int64_t>> index;  // offset, position
  };

  const Entry* Find(int64_t offset) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What of the entry's segment is durable.
  SegmentLimit LimitOf(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `bytes_before` of the segment that BytesBelow goes up to.
  int64_t BytesBefore(int64_t offset) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t retained_from_ ABSL_GUARDED_BY(mutex_);
  int64_t dropped_from_ ABSL_GUARDED_BY(mutex_);
  int64_t durable_first_offset_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t durable_position_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t durable_offset_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::pair<int64_t, int64_t>> skipped_ ABSL_GUARDED_BY(mutex_);
  DamageLedger ledger_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SEGMENT_CATALOG_H_
