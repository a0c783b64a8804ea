#ifndef SLUICE_LIBS_JOURNAL_JOURNAL_H_
#define SLUICE_LIBS_JOURNAL_JOURNAL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "libs/file/file_system.h"

namespace sluice {

// What happens when records that are still needed fill the log or the disk.
enum class WhenFull {
  // Append refuses.
  kRejectNew,
  // The oldest are deleted, counted, and become a gap.
  kDropOldest,
};

// What whoever appends a record waits for.
enum class WaitsFor {
  // That it is durable: written, and synced as soon as may be.
  kDurable,
  // That it survives kill -9, or that it is durable where some milliseconds do not matter: written,
  // and synced some milliseconds later with all that came meanwhile.
  kWritten,
  // Nothing, since it has the record elsewhere until it is durable: written some milliseconds later
  // too, with one write. After kill -9 it may be gone, and its offset used again. If it cannot be
  // written then it stays, and every Append says so until it could.
  kNothing,
};

struct JournalOptions {
  // Directory of the log; made if missing (its parent must exist). One process at a time.
  std::string dir;
  // A segment file is closed when it would grow beyond this. Deletion is by whole segments.
  int64_t segment_bytes = 16 << 20;
  // Beyond this the oldest segments below the retention point are deleted.
  int64_t max_bytes = int64_t{1} << 30;
  // What is still needed takes up no more than this: then `when_full` says what happens.
  int64_t hard_max_bytes = int64_t{2} << 30;
  // The reserve: so much of the file system stays free. Below it segments below the retention point
  // are deleted, however little the log holds; then `when_full` says what happens. 0: none.
  int64_t min_free_bytes = 0;
  WhenFull when_full = WhenFull::kRejectNew;
  // A segment below the retention point is deleted when its last record is older than this by the
  // wall clock, one each second, so that a clock that jumps does not empty the log at once. The
  // segment that is written to stays.
  absl::Duration max_age = absl::InfiniteDuration();
  // Shortest time between two fdatasyncs. 0: as soon as anything is unsynced.
  absl::Duration sync_interval = absl::ZeroDuration();
  // Called on the sync thread, once, when an fdatasync fails; what was unsynced must be taken for
  // lost, so it must not return. Default: writes the reason to stderr and aborts the process.
  std::function<void(const absl::Status&)> on_sync_failure;
  // Where the log lies. Default: the machine's file system.
  FileSystem* file_system = nullptr;
};

// Why offsets hold no record any more.
enum class GapReason {
  // Deleted by retention: nobody needed them any more.
  kRetention,
  // Deleted although they were needed, because the log or the disk was full (kDropOldest).
  kDropped,
  // Damaged on disk, and counted.
  kCorruption,
  // Set aside when the machine lost its power, so that no offset is ever used twice: whether there
  // were records is not known. None of them was durable, if the disk keeps what it promises.
  kUnknown,
};

// Records [from, to) are gone.
struct Gap {
  int64_t from = 0;
  int64_t to = 0;
  GapReason reason = GapReason::kRetention;
};

struct JournalRecord {
  int64_t offset = 0;
  absl::Time append_time;
  std::string bytes;
};

// A record as it lies in the memory of whoever reads the log.
struct RecordView {
  int64_t offset = 0;
  absl::Time append_time;
  absl::string_view bytes;
};

// What a reader found between where it stood and `next_offset`.
struct JournalBatch {
  std::vector<JournalRecord> records;
  std::vector<Gap> gaps;
  int64_t next_offset = 0;
};

struct JournalStats {
  int64_t bytes = 0;                           // on disk, without what is filled ahead
  int64_t segments = 0;                        // files
  int64_t appended_records = 0;                // since Open
  int64_t corrupt_records = 0;                 // lost to damage, found at Open or while reading
  int64_t deleted_records = 0;                 // that nobody needed, since Open
  int64_t deleted_unacknowledged_records = 0;  // at hard_max_bytes, since Open
  int64_t deleted_for_reserve_records = 0;     // needed too, at min_free_bytes, since Open
  int64_t syncs = 0;                           // fdatasyncs, since Open
  absl::Duration sync_time;                    // spent in them
};

class JournalReader;

// An append-only log of records in segment files (docs/journal-format.md).
//
// Offsets are dense, start at 0 and are never reused. A record is durable once an fdatasync that
// covers it has returned. A thread of the journal's own syncs whenever anything is unsynced, or
// whoever waits does: one fdatasync at a time serves all records appended while the one before it
// ran (group commit). Readers never see past the durable offset.
//
// Thread-safe. Append is one write() on the caller's thread, or none; every 256 KiB one more, and a
// new file where a segment is full. It never waits for the disk.
class Journal {
 public:
  // The largest record.
  static constexpr int64_t kMaxRecordBytes = 1 << 20;

  // Opens the log, or makes an empty one. Keeps every intact record: what is damaged becomes a gap.
  // FAILED_PRECONDITION: another process has it open, or its format is newer than this code.
  // PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE: what the file system said. `clock` must
  // outlive it.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const JournalOptions& options,
                                                       const Clock* clock);

  // Syncs what is unsynced and closes the log. No other call may be under way, no reader may live.
  virtual ~Journal() = default;

  // A random id that changes when the log is wiped or restored.
  virtual const std::string& id() const = 0;

  // Appends a record and returns its offset; it is durable soon. INVALID_ARGUMENT: larger than
  // kMaxRecordBytes. RESOURCE_EXHAUSTED: the log or the disk is full; says which. UNAVAILABLE:
  // write failed. After an error nothing was appended, and the next call may succeed.
  absl::StatusOr<int64_t> Append(absl::string_view record,
                                 WaitsFor waits_for = WaitsFor::kDurable) {
    return DoAppend(record, waits_for);
  }

  // Writes what is appended, so that it survives kill -9. The errors are those of Append.
  virtual absl::Status WriteAll() = 0;
  // Has what is appended synced as soon as may be, without waiting for it.
  virtual void RequestSync() {}
  // The same for who is about to wait for the record at `offset`: if nothing is being synced, it is
  // done on the caller's thread, which spares two changes of threads.
  virtual void SyncTo(int64_t /*offset*/) {}

  // Whether Append has room and its last write went well; otherwise what stands in the way, as
  // Append says it. Does not wait for a record to come: after a failed write it tries a file of its
  // own, with an fsync. For health, about once a second.
  virtual absl::Status CheckWritable() = 0;

  // First offset that is still there; the log is empty if it equals end_offset().
  virtual int64_t begin_offset() const = 0;
  // First offset that is not durable yet.
  virtual int64_t durable_offset() const = 0;
  // The offset that the next record will get.
  virtual int64_t end_offset() const = 0;

  // Offset of the first durable record appended at or after `time`; durable_offset() if there is
  // none.
  virtual int64_t OffsetAt(absl::Time time) const = 0;

  // Append time of the first durable record at or above `offset`; nothing if there is none, or it
  // cannot be read. Reads at most what lies between two index points (256 KiB), but in a segment
  // from before Open at first what lies before the record.
  virtual absl::optional<absl::Time> AppendTimeAt(int64_t offset) const = 0;

  // About how many bytes of the log the durable records at and above `offset` take. Exact where a
  // segment begins; between two index points, or in a segment from before Open that nobody has read
  // since, records count as equally large. Reads nothing.
  virtual int64_t BytesFrom(int64_t offset) const = 0;

  // Waits until durable_offset() > `offset`, or `timeout` is over: returns whether it is.
  virtual bool WaitDurable(int64_t offset, absl::Duration timeout) const = 0;

  // `listener` is called with durable_offset() after each sync, on the thread that synced: it must
  // be quick and must not call back into the journal. Returns a key for RemoveDurableListener,
  // after which (it waits) the listener is not called again.
  virtual int64_t AddDurableListener(std::function<void(int64_t durable_offset)> listener) = 0;
  virtual void RemoveDurableListener(int64_t key) = 0;

  // Records at and above `offset` are still needed: retention spares them. Default: nothing is
  // needed (INT64_MAX). Moves in either direction. Nothing is deleted between Open and the first
  // Append, so whoever knows what is needed must say so in between.
  virtual void SetRetentionPoint(int64_t offset) = 0;

  // A reader that starts at `offset`: below begin_offset() it first reports a gap; above
  // durable_offset() it waits for that offset to come. The journal must outlive it.
  virtual std::unique_ptr<JournalReader> NewReader(int64_t offset) = 0;

  virtual JournalStats stats() const = 0;

 private:
  virtual absl::StatusOr<int64_t> DoAppend(absl::string_view record, WaitsFor waits_for) = 0;
};

// Reads a journal forward. One thread at a time.
class JournalReader {
 public:
  virtual ~JournalReader() = default;

  // Returns what is durable from next_offset() on: up to `max_records` records and about
  // `max_bytes` of them (at least one record). Empty if there is nothing yet. UNAVAILABLE: read
  // error of the disk.
  virtual absl::StatusOr<JournalBatch> Read(int max_records, int64_t max_bytes) = 0;

  // As Read, but shows each record to `visit` in place of copying it: the bytes are there until
  // that returns, and the batch has gaps and next_offset alone.
  virtual absl::StatusOr<JournalBatch> Visit(int max_records, int64_t max_bytes,
                                             absl::FunctionRef<void(const RecordView&)> visit) {
    auto batch = Read(max_records, max_bytes);
    if (!batch.ok()) return batch;
    for (const JournalRecord& record : batch->records) {
      visit({record.offset, record.append_time, record.bytes});
    }
    batch->records.clear();
    return batch;
  }

  // Where the next Read starts.
  virtual int64_t next_offset() const = 0;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_JOURNAL_JOURNAL_H_
