#ifndef SLUICE_LIBS_JOURNAL_FILE_JOURNAL_H_
#define SLUICE_LIBS_JOURNAL_FILE_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/file/file_system.h"
#include "libs/journal/journal.h"
#include "libs/journal/marks_file.h"
#include "libs/journal/recovery.h"
#include "libs/journal/segment_catalog.h"
#include "libs/journal/segment_writer.h"
#include "libs/journal/sync_thread.h"

namespace sluice::journal {

// The journal in a directory of the file system.
//
// An appending thread holds append_mutex_ for one write() of records, at times for one of zeros or
// for the making of the next segment, never for a sync. Who syncs, the sync thread or a thread that
// waits, takes it to write what nobody waited for and to see how far the log goes, syncs without
// it, and then tells the catalog, the waiting threads and the listeners, in that order. Readers
// share the catalog alone.
class FileJournal final : public Journal {
 public:
  static absl::StatusOr<std::unique_ptr<FileJournal>> Open(const JournalOptions& options,
                                                           const Clock* clock);
  ~FileJournal() override;

  const std::string& id() const override { return id_; }
  absl::Status WriteAll() override;
  void RequestSync() override;
  void SyncTo(int64_t offset) override;
  absl::Status CheckWritable() override;
  int64_t begin_offset() const override { return catalog_->begin_offset(); }
  int64_t durable_offset() const override { return durable_offset_; }
  int64_t end_offset() const override { return end_offset_; }
  int64_t OffsetAt(absl::Time time) const override;
  absl::optional<absl::Time> AppendTimeAt(int64_t offset) const override;
  int64_t BytesFrom(int64_t offset) const override { return catalog_->BytesFrom(offset); }
  bool WaitDurable(int64_t offset, absl::Duration timeout) const override;
  int64_t AddDurableListener(std::function<void(int64_t)> listener) override;
  void RemoveDurableListener(int64_t key) override;
  void SetRetentionPoint(int64_t offset) override;
  std::unique_ptr<JournalReader> NewReader(int64_t offset) override;
  JournalStats stats() const override;

 private:
  absl::StatusOr<int64_t> DoAppend(absl::string_view record, WaitsFor waits_for) override;

  // How far the log went at some moment, and the files that are not synced up to there.
  struct Extent {
    int64_t end_offset = 0;
    int64_t end_position = 0;
    std::shared_ptr<const Segment> segment;
    std::vector<std::shared_ptr<File>> files;
    bool new_entries = false;
  };

  FileJournal(const JournalOptions& options, const Clock* clock, FileSystem* files);

  absl::Status Start();
  absl::Status StoreMarks(const RecoveredLog& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  void ListSegments(const RecoveredLog& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  // Begins a segment with the next record; the one before, if any, ends at `previous_end`.
  absl::Status BeginSegment(int64_t previous_end, int64_t skipped_before)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);

  // A record may stay unwritten so long as no more than so many bytes are.
  absl::StatusOr<int64_t> Write(absl::string_view record, int64_t unwritten_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  // Writes what was added, up to this offset.
  absl::Status Flush(int64_t end_offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);
  int64_t UsualRecordBytes() const;
  // OK: a record of this size may be written.
  absl::Status MakeRoom(int64_t record_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mutex_);

  // The sync thread's work. Returns whether there was anything to sync.
  bool SyncAndTidy();
  bool SyncAppended() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  Extent TakeExtent();
  absl::Status Sync(const Extent& extent);
  absl::Status Reserve(int64_t end_offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  void Publish(const Extent& extent);
  absl::Status Tidy() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  DropRules WhatToDrop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_mutex_);
  void Fail(const absl::Status& status);

  const JournalOptions options_;
  const Clock* const clock_;
  FileSystem* const files_;
  std::unique_ptr<DirectoryLock> lock_;
  // Held while the log is synced or segments are deleted; before append_mutex_.
  absl::Mutex sync_mutex_;
  std::unique_ptr<MarksFile> marks_file_ ABSL_GUARDED_BY(sync_mutex_);
  Marks marks_ ABSL_GUARDED_BY(sync_mutex_);
  absl::Duration next_age_look_ ABSL_GUARDED_BY(sync_mutex_);    // Uptime
  absl::Duration next_space_look_ ABSL_GUARDED_BY(sync_mutex_);  // Uptime
  // As in marks_; does not change after Start.
  Identity identity_;
  std::string id_;
  uint64_t seed_ = 0;
  std::unique_ptr<SegmentCatalog> catalog_;

  mutable absl::Mutex append_mutex_;
  std::unique_ptr<SegmentWriter> writer_ ABSL_GUARDED_BY(append_mutex_);
  std::shared_ptr<const Segment> segment_ ABSL_GUARDED_BY(append_mutex_);
  int64_t next_index_position_ ABSL_GUARDED_BY(append_mutex_) = 0;
  int64_t max_time_us_ ABSL_GUARDED_BY(append_mutex_) = INT64_MIN;
  // So much may be written before it is looked again whether there is room.
  int64_t room_bytes_ ABSL_GUARDED_BY(append_mutex_) = 0;
  // How far the log is written.
  int64_t written_offset_ ABSL_GUARDED_BY(append_mutex_) = 0;
  // Of the last write.
  absl::Status write_status_ ABSL_GUARDED_BY(append_mutex_);
  // Segments that were closed since the last sync began.
  std::vector<std::shared_ptr<File>> closed_files_ ABSL_GUARDED_BY(append_mutex_);
  bool new_entries_ ABSL_GUARDED_BY(append_mutex_) = false;

  // Written under append_mutex_ and by the sync thread; read by everybody.
  std::atomic<int64_t> end_offset_{0};
  std::atomic<int64_t> durable_offset_{0};
  std::atomic<int64_t> retention_point_{INT64_MAX};
  // Whether whoever needs records has had the time to say so.
  std::atomic<bool> may_delete_{false};
  std::atomic<bool> failed_{false};

  // Held when durable_offset_ changes, for those who wait for it.
  mutable absl::Mutex waiting_mutex_;

  absl::Mutex listeners_mutex_;
  std::map<int64_t, std::function<void(int64_t)>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  int64_t next_listener_ ABSL_GUARDED_BY(listeners_mutex_) = 1;

  mutable absl::Mutex stats_mutex_;
  JournalStats stats_ ABSL_GUARDED_BY(stats_mutex_);
  std::atomic<int64_t> appended_records_{0};

  std::unique_ptr<SyncThread> sync_thread_;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_FILE_JOURNAL_H_
