#include "libs/journal/file_journal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/failpoint/failpoint.h"
#include "libs/file/disk_probe.h"
#include "libs/journal/record_format.h"
#include "libs/journal/segment_reader.h"

namespace sluice::journal {
namespace {

// What nobody waits for is written when it is so much, or after that time: 200 writes and syncs a
// second at most, however many messages there are.
constexpr int64_t kUnwrittenBytes = 256 << 10;
constexpr absl::Duration kGatherTime = absl::Milliseconds(5);
// Offsets are reserved so many at a time: one more sync of the marks for each.
constexpr int64_t kReservedOffsets = 4096;
// With a fast writer: for so many groups like the last one.
constexpr int64_t kReservedGroups = 16;
// How much is written, at most, before it is looked again whether there is room.
constexpr int64_t kRoomBytes = 1 << 20;
// A log with room for such a record is writable; it is more than the largest message takes.
constexpr int64_t kUsualRecordBytes = 80 << 10;
constexpr absl::Duration kSpaceInterval = absl::Milliseconds(100);
constexpr absl::Duration kAgeInterval = absl::Seconds(1);
// Age and other users of the disk need a look also while nothing is appended.
constexpr absl::Duration kLongestRest = absl::Seconds(1);

absl::Status CheckOptions(const JournalOptions& options) {
  if (options.dir.empty()) return absl::InvalidArgumentError("the journal has no directory");
  if (options.segment_bytes < 1 || options.max_bytes < 1 ||
      options.hard_max_bytes < options.max_bytes || options.min_free_bytes < 0 ||
      options.max_age <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("limits of the journal ", options.dir, " are out of range"));
  }
  return absl::OkStatus();
}

void DieOfSyncFailure(const absl::Status& status) {
  const std::string message(status.message());
  fprintf(stderr, "journal: %s; what was not synced must be taken for lost\n", message.c_str());
  abort();
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileJournal>> FileJournal::Open(const JournalOptions& options,
                                                               const Clock* clock) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  FileSystem* const files =
      options.file_system != nullptr ? options.file_system : PosixFileSystem();
  auto journal = std::unique_ptr<FileJournal>(new FileJournal(options, clock, files));
  if (absl::Status status = journal->Start(); !status.ok()) return status;
  return journal;
}

FileJournal::FileJournal(const JournalOptions& options, const Clock* clock, FileSystem* files)
    : options_(options), clock_(clock), files_(files) {}

absl::Status FileJournal::Start() {
  if (absl::Status status = files_->CreateDirectory(options_.dir); !status.ok()) return status;
  auto lock = files_->Lock(options_.dir);
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  absl::MutexLock sync_lock(&sync_mutex_);
  auto marks_file = MarksFile::Open(files_, options_.dir);
  if (!marks_file.ok()) return marks_file.status();
  marks_file_ = *std::move(marks_file);
  auto log = Recover(files_, options_.dir, *marks_file_);
  if (!log.ok()) return log.status();

  ListSegments(*log);
  absl::MutexLock append_lock(&append_mutex_);
  end_offset_ = log->end_offset;
  written_offset_ = log->end_offset;
  max_time_us_ = log->max_time_us;
  if (log->continues_last) {
    const RecoveredSegment& last = log->segments.back();
    auto writer = SegmentWriter::Continue(files_, last.segment->path, last.file_bytes,
                                          options_.segment_bytes);
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
    segment_ = last.segment;
    next_index_position_ = last.file_bytes;
  } else {
    const int64_t previous_end = log->segments.empty() ? 0 : log->segments.back().file_bytes;
    absl::Status status = BeginSegment(previous_end, log->skipped_before_end);
    if (!status.ok()) return status;
    if (absl::Status status = writer_->file()->Sync(); !status.ok()) return status;
  }
  if (absl::Status status = files_->SyncDirectory(options_.dir); !status.ok()) return status;
  if (absl::Status status = StoreMarks(*log); !status.ok()) return status;
  new_entries_ = false;
  catalog_->SetDurable(*segment_, writer_->position(), log->end_offset);
  durable_offset_ = log->end_offset;
  for (const auto& [from, to] : log->holes) catalog_->Classify(from, to);
  const SyncThread::Times times = {options_.sync_interval, kGatherTime, kLongestRest};
  sync_thread_ = std::make_unique<SyncThread>(times, [this] { return SyncAndTidy(); });
  return absl::OkStatus();
}

void FileJournal::ListSegments(const RecoveredLog& log) {
  marks_ = log.marks;
  identity_ = marks_.identity;
  id_ = identity_.Text();
  seed_ = identity_.Seed();
  catalog_ = std::make_unique<SegmentCatalog>(marks_.begin_offset, marks_.dropped_before_begin);
  int64_t previous_bytes = 0;
  for (const RecoveredSegment& recovered : log.segments) {
    catalog_->Add(recovered.segment, previous_bytes);
    previous_bytes = recovered.file_bytes;
  }
  for (const auto& [position, offset] : log.index) {
    catalog_->AddIndexPoint(position, offset);
  }
}

absl::Status FileJournal::StoreMarks(const RecoveredLog& log) {
  // Before the marks say that the log was not closed in order, the hint must say how far it is
  // durable.
  absl::Status status = marks_file_->NoteDurable(log.end_offset);
  if (!status.ok()) return status;
  marks_.reserved_end = log.end_offset;
  marks_.clean = false;
  status = marks_file_->Store(marks_);
  if (!status.ok()) return status;
  return marks_file_->NoteDurable(log.end_offset);
}

FileJournal::~FileJournal() {
  if (sync_thread_ == nullptr) return;
  sync_thread_.reset();
  if (failed_) return;
  absl::MutexLock sync_lock(&sync_mutex_);
  {
    absl::MutexLock lock(&append_mutex_);
    writer_->Finish();
  }
  marks_.reserved_end = durable_offset_;
  marks_.clean = true;
  // If this fails the next Open just passes some offsets over.
  marks_file_->Store(marks_).IgnoreError();
}

absl::StatusOr<int64_t> FileJournal::DoAppend(absl::string_view record, WaitsFor waits_for) {
  if (static_cast<int64_t>(record.size()) > kMaxRecordBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", record.size(), " bytes; at most ", kMaxRecordBytes));
  }
  absl::StatusOr<int64_t> offset;
  {
    absl::MutexLock lock(&append_mutex_);
    if (failed_) return absl::UnavailableError("the journal's disk has failed");
    absl::Status room = MakeRoom(static_cast<int64_t>(record.size()));
    if (!room.ok()) return room;
    const bool may_wait = waits_for == WaitsFor::kNothing && write_status_.ok();
    offset = Write(record, may_wait ? kUnwrittenBytes : 0);
    write_status_ = offset.status();
  }
  if (!offset.ok()) return offset;
  ++appended_records_;
  may_delete_ = true;
  if (waits_for == WaitsFor::kDurable) {
    sync_thread_->Wake();
  } else {
    sync_thread_->WakeSoon();
  }
  return offset;
}

absl::Status FileJournal::WriteAll() {
  absl::MutexLock lock(&append_mutex_);
  if (failed_) return absl::UnavailableError("the journal's disk has failed");
  if (writer_->added_bytes() == 0) return absl::OkStatus();
  write_status_ = Flush(end_offset_);
  return write_status_;
}

void FileJournal::RequestSync() {
  if (end_offset_ > durable_offset_) sync_thread_->Wake();
}

void FileJournal::SyncTo(int64_t offset) {
  if (durable_offset_ > offset) return;
  // While another sync is under way, or an interval is to be kept, the thread is next.
  if (options_.sync_interval > absl::ZeroDuration() || !sync_mutex_.TryLock()) {
    sync_thread_->Wake();
    return;
  }
  SyncAppended();
  sync_mutex_.Unlock();
}

absl::StatusOr<int64_t> FileJournal::Write(absl::string_view record, int64_t unwritten_bytes) {
  const int64_t frame_bytes = kRecordHeaderBytes + static_cast<int64_t>(record.size());
  if (writer_->position() > kSegmentHeaderBytes &&
      writer_->position() + frame_bytes > options_.segment_bytes) {
    const std::shared_ptr<File> full = writer_->file();
    if (absl::Status status = Flush(end_offset_); !status.ok()) return status;
    writer_->Finish();
    absl::Status status = BeginSegment(writer_->position(), 0);
    if (!status.ok()) return status;
    closed_files_.push_back(full);
  }
  const int64_t offset = end_offset_;
  const int64_t time_us = absl::ToUnixMicros(clock_->Now());
  const int64_t position = writer_->position();
  AppendRecord(seed_, offset, time_us, record, writer_->added());
  room_bytes_ -= frame_bytes;
  if (writer_->added_bytes() > unwritten_bytes) {
    if (absl::Status status = Flush(offset + 1); !status.ok()) {
      writer_->TakeBack(position);
      return status;
    }
  }
  if (position >= next_index_position_) {
    catalog_->AddIndexPoint(position, offset);
    next_index_position_ = position + kIndexBytes;
  }
  max_time_us_ = std::max(max_time_us_, time_us);
  end_offset_ = offset + 1;
  return offset;
}

absl::Status FileJournal::Flush(int64_t end_offset) {
  if (writer_->added_bytes() == 0) return absl::OkStatus();
  failpoint::Reach(failpoint::Point::kAppend);
  if (absl::Status status = writer_->Flush(room_bytes_); !status.ok()) return status;
  failpoint::Reach(failpoint::Point::kAppended);
  written_offset_ = end_offset;
  return absl::OkStatus();
}

absl::Status FileJournal::MakeRoom(int64_t record_bytes) {
  const int64_t bytes = kSegmentHeaderBytes + kRecordHeaderBytes + record_bytes;
  if (bytes <= room_bytes_) return absl::OkStatus();
  room_bytes_ = 0;
  // What retention, or the sync thread in need, deletes is room already.
  const int64_t needed_from =
      options_.when_full == WhenFull::kDropOldest ? INT64_MAX : retention_point_.load();
  const int64_t needed = catalog_->ClosedBytesFrom(needed_from) + writer_->position();
  const int64_t below_hard_max = options_.hard_max_bytes - needed;
  if (below_hard_max < bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the log ", options_.dir, " is full: it holds ", needed,
                     " bytes that are still needed, hard_max_bytes is ", options_.hard_max_bytes));
  }
  int64_t above_reserve = kRoomBytes;
  if (options_.min_free_bytes > 0) {
    const auto free_bytes = files_->FreeBytes(options_.dir);
    // If the disk does not even tell, the write will say why.
    if (free_bytes.ok()) {
      // Of the reserve no more than half, lest a fast writer leaves the sync thread behind.
      const int64_t deletable =
          std::min(catalog_->BytesBelow(needed_from), options_.min_free_bytes / 2);
      above_reserve = *free_bytes + writer_->ahead_bytes() - writer_->added_bytes() -
                      options_.min_free_bytes + deletable;
      if (above_reserve < bytes) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the disk of ", options_.dir, " is full: ", *free_bytes,
                         " bytes are free, min_free_bytes is ", options_.min_free_bytes));
      }
    }
  }
  room_bytes_ = std::max(bytes, std::min({below_hard_max, above_reserve, kRoomBytes}));
  return absl::OkStatus();
}

int64_t FileJournal::UsualRecordBytes() const {
  return std::min(kUsualRecordBytes, options_.segment_bytes);
}

absl::Status FileJournal::CheckWritable() {
  if (failed_) return absl::UnavailableError("the journal's disk has failed");
  {
    absl::MutexLock lock(&append_mutex_);
    // Others may have taken of the disk since it was looked at.
    room_bytes_ = 0;
    if (absl::Status room = MakeRoom(UsualRecordBytes()); !room.ok()) return room;
    if (write_status_.ok()) return absl::OkStatus();
  }
  const absl::Status probed = ProbeDisk(files_, options_.dir);
  if (!probed.ok()) return probed;
  absl::MutexLock lock(&append_mutex_);
  write_status_ = absl::OkStatus();
  return absl::OkStatus();
}

absl::Status FileJournal::BeginSegment(int64_t previous_end, int64_t skipped_before) {
  auto segment = std::make_shared<Segment>();
  segment->path = absl::StrCat(options_.dir, "/", SegmentName(end_offset_));
  segment->seed = seed_;
  segment->first_offset = end_offset_;
  segment->skipped_before = skipped_before;
  segment->max_time_before_us = max_time_us_;
  SegmentHeader header;
  header.identity = identity_;
  header.first_offset = segment->first_offset;
  header.skipped_before = skipped_before;
  header.max_time_before_us = max_time_us_;
  auto writer = SegmentWriter::Create(files_, segment->path, header, options_.segment_bytes);
  if (!writer.ok()) return writer.status();
  writer_ = *std::move(writer);
  segment_ = std::move(segment);
  next_index_position_ = kSegmentHeaderBytes + kIndexBytes;
  new_entries_ = true;
  room_bytes_ -= kSegmentHeaderBytes;
  catalog_->Add(segment_, previous_end);
  return absl::OkStatus();
}

bool FileJournal::SyncAndTidy() {
  absl::MutexLock lock(&sync_mutex_);
  const bool synced = SyncAppended();
  if (failed_) return synced;
  if (absl::Status status = Tidy(); !status.ok()) Fail(status);
  return synced;
}

bool FileJournal::SyncAppended() {
  if (failed_) return false;
  const Extent extent = TakeExtent();
  if (extent.end_offset <= durable_offset_) return false;
  absl::Status status = Sync(extent);
  if (status.ok()) status = Reserve(extent.end_offset);
  if (status.ok()) {
    Publish(extent);
  } else {
    Fail(status);
  }
  return true;
}

FileJournal::Extent FileJournal::TakeExtent() {
  absl::MutexLock lock(&append_mutex_);
  // What cannot be written now stays for the next time.
  if (absl::Status status = Flush(end_offset_); !status.ok()) write_status_ = status;
  Extent extent;
  extent.end_offset = written_offset_;
  if (extent.end_offset == durable_offset_) return extent;
  extent.end_position = writer_->written();
  extent.segment = segment_;
  extent.files = std::move(closed_files_);
  closed_files_.clear();
  extent.files.push_back(writer_->file());
  extent.new_entries = std::exchange(new_entries_, false);
  return extent;
}

absl::Status FileJournal::Sync(const Extent& extent) {
  const absl::Duration start = clock_->Uptime();
  failpoint::Reach(failpoint::Point::kSync);
  for (const auto& file : extent.files) {
    if (absl::Status status = file->Sync(); !status.ok()) return status;
  }
  if (extent.new_entries) {
    if (absl::Status status = files_->SyncDirectory(options_.dir); !status.ok()) return status;
  }
  failpoint::Reach(failpoint::Point::kSynced);
  absl::MutexLock lock(&stats_mutex_);
  stats_.syncs += static_cast<int64_t>(extent.files.size());
  stats_.sync_time += clock_->Uptime() - start;
  return absl::OkStatus();
}

absl::Status FileJournal::Reserve(int64_t end_offset) {
  if (end_offset > marks_.reserved_end) {
    const int64_t group = end_offset - durable_offset_;
    marks_.reserved_end = end_offset + std::max(kReservedOffsets, kReservedGroups * group);
    if (absl::Status status = marks_file_->Store(marks_); !status.ok()) return status;
  }
  // Without the hint a later crash just costs some offsets more.
  marks_file_->NoteDurable(end_offset).IgnoreError();
  return absl::OkStatus();
}

void FileJournal::Publish(const Extent& extent) {
  catalog_->SetDurable(*extent.segment, extent.end_position, extent.end_offset);
  {
    absl::MutexLock lock(&waiting_mutex_);
    durable_offset_ = extent.end_offset;
  }
  absl::MutexLock lock(&listeners_mutex_);
  for (const auto& [key, listener] : listeners_) listener(extent.end_offset);
}

absl::Status FileJournal::Tidy() {
  if (!may_delete_) return absl::OkStatus();
  const auto dropped = catalog_->Drop(WhatToDrop());
  if (dropped.empty()) return absl::OkStatus();
  // First the mark: should the process end now, the next Open deletes the rest.
  marks_.begin_offset = catalog_->begin_offset();
  marks_.dropped_before_begin = catalog_->dropped_before_begin();
  if (absl::Status status = marks_file_->Store(marks_); !status.ok()) return status;
  for (const DroppedSegment& segment : dropped) {
    // A file that stays is deleted by the next Open.
    files_->Remove(segment.path).IgnoreError();
    absl::MutexLock lock(&stats_mutex_);
    stats_.deleted_records += segment.deleted_records;
    (segment.for_reserve ? stats_.deleted_for_reserve_records
                         : stats_.deleted_unacknowledged_records) +=
        segment.deleted_unacknowledged_records;
  }
  return absl::OkStatus();
}

DropRules FileJournal::WhatToDrop() {
  const bool drops = options_.when_full == WhenFull::kDropOldest;
  DropRules rules;
  rules.retention_point = retention_point_;
  rules.max_bytes = options_.max_bytes;
  if (drops) rules.hard_max_bytes = options_.hard_max_bytes;
  const absl::Duration now = clock_->Uptime();
  if (options_.min_free_bytes > 0 && now >= next_space_look_) {
    next_space_look_ = now + kSpaceInterval;
    const auto free_bytes = files_->FreeBytes(options_.dir);
    // Above the reserve so much stays free that CheckWritable finds room.
    const int64_t wanted = options_.min_free_bytes + 2 * UsualRecordBytes();
    if (free_bytes.ok()) rules.missing_bytes = wanted - *free_bytes;
    rules.missing_bytes_from_needed = drops;
  }
  if (options_.max_age < absl::InfiniteDuration() && now >= next_age_look_) {
    next_age_look_ = now + kAgeInterval;
    rules.stale_before_us = absl::ToUnixMicros(clock_->Now() - options_.max_age);
  }
  return rules;
}

void FileJournal::Fail(const absl::Status& status) {
  failed_ = true;
  if (options_.on_sync_failure) {
    options_.on_sync_failure(status);
  } else {
    DieOfSyncFailure(status);
  }
}

int64_t FileJournal::OffsetAt(absl::Time time) const {
  constexpr int kRecords = 1000;
  constexpr int64_t kBytes = 1 << 20;
  const int64_t time_us = absl::ToUnixMicros(time);
  SegmentReader reader(files_, catalog_.get(), catalog_->FirstOffsetNear(time_us));
  const int64_t end = durable_offset_;
  while (reader.next_offset() < end) {
    const auto batch = reader.Read(kRecords, kBytes);
    if (!batch.ok()) return reader.next_offset();
    for (const JournalRecord& record : batch->records) {
      if (absl::ToUnixMicros(record.append_time) >= time_us) return record.offset;
    }
  }
  return reader.next_offset();
}

absl::optional<absl::Time> FileJournal::AppendTimeAt(int64_t offset) const {
  const auto batch = SegmentReader(files_, catalog_.get(), offset).Read(1, 1);
  if (!batch.ok() || batch->records.empty()) return absl::nullopt;
  return batch->records.front().append_time;
}

bool FileJournal::WaitDurable(int64_t offset, absl::Duration timeout) const {
  if (durable_offset_ > offset) return true;
  const auto reached = [this, offset] { return durable_offset_ > offset; };
  absl::MutexLock lock(&waiting_mutex_);
  return waiting_mutex_.AwaitWithTimeout(absl::Condition(&reached), timeout);
}

int64_t FileJournal::AddDurableListener(std::function<void(int64_t)> listener) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_[next_listener_] = std::move(listener);
  return next_listener_++;
}

void FileJournal::RemoveDurableListener(int64_t key) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_.erase(key);
}

void FileJournal::SetRetentionPoint(int64_t offset) {
  const bool rises = retention_point_.exchange(offset) < offset;
  may_delete_ = true;
  if (rises) sync_thread_->Wake();
}

std::unique_ptr<JournalReader> FileJournal::NewReader(int64_t offset) {
  return std::make_unique<SegmentReader>(files_, catalog_.get(), offset);
}

JournalStats FileJournal::stats() const {
  JournalStats stats;
  {
    absl::MutexLock lock(&stats_mutex_);
    stats = stats_;
  }
  stats.bytes = catalog_->bytes();
  stats.segments = catalog_->segments();
  stats.corrupt_records = catalog_->corrupt_records();
  stats.appended_records = appended_records_;
  return stats;
}

}  // namespace sluice::journal

namespace sluice {

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const JournalOptions& options,
                                                       const Clock* clock) {
  return journal::FileJournal::Open(options, clock);
}

}  // namespace sluice
