#include "libs/journal/recovery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "libs/journal/record_format.h"
#include "libs/journal/segment_scanner.h"
#include "libs/journal/unwritten.h"

namespace sluice::journal {
namespace {

constexpr int64_t kCopyBytes = 256 << 10;

// A file with a segment's name.
struct Candidate {
  int64_t named_offset = 0;
  std::string path;
  int64_t file_bytes = 0;
  HeaderState state = HeaderState::kDamaged;
  SegmentHeader header;
};

// The records of one segment.
struct ScannedSegment {
  int64_t records = 0;
  int64_t end_offset = 0;    // after the last intact record
  int64_t end_position = 0;  // after its last byte
  int64_t max_time_us = INT64_MIN;
  int64_t unsynced_position = 0;  // where the first record stands that is perhaps not synced
  bool stopped = false;           // there are records behind the end
  std::vector<std::pair<int64_t, int64_t>> holes;
  std::vector<std::pair<int64_t, int64_t>> index;
};

class Recovery {
 public:
  Recovery(FileSystem* files, const std::string& directory, const MarksFile& marks)
      : files_(files),
        directory_(directory),
        found_(marks.marks()),
        hint_(marks.durable_hint()),
        floor_(marks.durable_floor()) {
    if (found_.has_value()) likely_identity_ = found_->identity;
  }

  absl::StatusOr<RecoveredLog> Run();

 private:
  absl::Status FindCandidates();
  absl::Status TakeSegments();
  absl::StatusOr<bool> IsUsable(Candidate* candidate);
  absl::Status SetAside(const Candidate& candidate);
  absl::StatusOr<ScannedSegment> Scan(const Segment& segment, int64_t file_bytes,
                                      bool stop_at_unwritten);
  bool HasLostPower() const;
  absl::Status CutOffUnused(const ScannedSegment& scanned, RecoveredSegment* segment);
  absl::Status ReadLast();
  absl::Status DecideEnd(const ScannedSegment& last);
  absl::Status RewriteUnsynced(int64_t last_position);

  FileSystem* const files_;
  const std::string directory_;
  const absl::optional<Marks> found_;
  const absl::optional<int64_t> hint_;
  const int64_t floor_;
  // Whose records are looked for where a header does not tell.
  absl::optional<Identity> likely_identity_;
  std::vector<Candidate> candidates_;
  RecoveredLog log_;
};

absl::Status Recovery::FindCandidates() {
  auto names = files_->List(directory_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const auto offset = ParseSegmentName(name);
    if (!offset.has_value()) continue;
    Candidate candidate;
    candidate.named_offset = *offset;
    candidate.path = absl::StrCat(directory_, "/", name);
    auto file = files_->OpenForRead(candidate.path);
    if (!file.ok()) return file.status();
    auto size = (*file)->Size();
    if (!size.ok()) return size.status();
    candidate.file_bytes = *size;
    std::string bytes(kSegmentHeaderBytes, '\0');
    const auto read = (*file)->Read(0, bytes.size(), bytes.data());
    if (read.ok()) {
      bytes.resize(*read);
      candidate.state = DecodeSegmentHeader(bytes, &candidate.header);
    }
    if (candidate.state == HeaderState::kNewer) {
      return absl::FailedPreconditionError(
          absl::StrCat(candidate.path, " has a newer format than version ", kSegmentVersion));
    }
    if (candidate.state == HeaderState::kIntact && !likely_identity_.has_value()) {
      likely_identity_ = candidate.header.identity;
    }
    candidates_.push_back(std::move(candidate));
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.named_offset < b.named_offset; });
  return absl::OkStatus();
}

// Whether the file is a segment of this log with anything in it that can be read.
absl::StatusOr<bool> Recovery::IsUsable(Candidate* candidate) {
  if (candidate->state == HeaderState::kIntact) {
    if (candidate->header.first_offset != candidate->named_offset) return false;
    return !found_.has_value() || candidate->header.identity == found_->identity ||
           candidate->named_offset < found_->adopted_below;
  }
  if (!likely_identity_.has_value()) return false;
  candidate->header = SegmentHeader{};
  candidate->header.identity = *likely_identity_;
  candidate->header.first_offset = candidate->named_offset;
  candidate->header.max_time_before_us = INT64_MAX;
  Segment segment;
  segment.path = candidate->path;
  segment.seed = likely_identity_->Seed();
  segment.first_offset = candidate->named_offset;
  auto scanned = Scan(segment, candidate->file_bytes, /*stop_at_unwritten=*/false);
  if (!scanned.ok()) return scanned.status();
  return scanned->records > 0;
}

absl::Status Recovery::SetAside(const Candidate& candidate) {
  auto file = files_->OpenForRead(candidate.path);
  if (!file.ok()) return file.status();
  const auto used = FirstNonZero(file->get(), kSegmentHeaderBytes, candidate.file_bytes);
  if (used.ok() && *used >= candidate.file_bytes) return files_->Remove(candidate.path);
  return files_->Rename(candidate.path, candidate.path + ".damaged");
}

absl::Status Recovery::TakeSegments() {
  for (Candidate& candidate : candidates_) {
    auto usable = IsUsable(&candidate);
    if (!usable.ok()) return usable.status();
    if (!*usable) {
      if (absl::Status status = SetAside(candidate); !status.ok()) return status;
      continue;
    }
    auto segment = std::make_shared<Segment>();
    segment->path = candidate.path;
    segment->seed = candidate.header.identity.Seed();
    segment->first_offset = candidate.header.first_offset;
    segment->skipped_before = candidate.header.skipped_before;
    segment->max_time_before_us = candidate.header.max_time_before_us;
    log_.segments.push_back(
        {std::move(segment), candidate.file_bytes, candidate.state == HeaderState::kIntact});
  }
  if (!found_.has_value()) return absl::OkStatus();
  while (log_.segments.size() > 1 &&
         log_.segments[1].segment->first_offset <= found_->begin_offset) {
    absl::Status status = files_->Remove(log_.segments.front().segment->path);
    if (!status.ok()) return status;
    log_.segments.erase(log_.segments.begin());
  }
  return absl::OkStatus();
}

// The files are as the disk had them, not as the processes left them.
bool Recovery::HasLostPower() const {
  return found_.has_value() && !found_->clean && !hint_.has_value();
}

absl::StatusOr<ScannedSegment> Recovery::Scan(const Segment& segment, int64_t file_bytes,
                                              bool stop_at_unwritten) {
  auto file = files_->OpenForRead(segment.path);
  if (!file.ok()) return file.status();
  auto holes_file = files_->OpenForRead(segment.path);
  if (!holes_file.ok()) return holes_file.status();
  SegmentScanner scanner(*std::move(file), segment.seed, kSegmentHeaderBytes, segment.first_offset);
  ScannedSegment scanned;
  scanned.end_offset = segment.first_offset;
  scanned.end_position = kSegmentHeaderBytes;
  scanned.unsynced_position = kSegmentHeaderBytes;
  int64_t next_index_position = kSegmentHeaderBytes + kIndexBytes;
  SegmentScanner::Record record;
  while (true) {
    auto more = scanner.Next(file_bytes, INT64_MAX, &record);
    if (!more.ok()) return more.status();
    if (!*more) return scanned;
    if (stop_at_unwritten && record.position > scanned.end_position &&
        scanned.end_offset >= floor_) {
      // A sector that cannot be read is damage, and was written.
      const auto unwritten =
          HasUnwrittenSector(holes_file->get(), scanned.end_position, record.position);
      if (unwritten.ok() && *unwritten) {
        scanned.stopped = true;
        return scanned;
      }
    }
    if (record.offset > scanned.end_offset) {
      scanned.holes.emplace_back(scanned.end_offset, record.offset);
    }
    if (record.position >= next_index_position) {
      scanned.index.emplace_back(record.position, record.offset);
      next_index_position = record.position + kIndexBytes;
    }
    ++scanned.records;
    scanned.end_offset = record.offset + 1;
    scanned.end_position = record.end_position;
    scanned.max_time_us = std::max(scanned.max_time_us, record.time_us);
    if (hint_.has_value() && record.offset < *hint_) {
      scanned.unsynced_position = record.end_position;
    }
  }
}

// What is behind the last record if that is only what the file was filled with, or if the records
// there were written after the last sync, since others before them are missing.
absl::Status Recovery::CutOffUnused(const ScannedSegment& scanned, RecoveredSegment* segment) {
  if (scanned.end_position >= segment->file_bytes) return absl::OkStatus();
  auto file = files_->OpenForWrite(segment->segment->path);
  if (!file.ok()) return file.status();
  if (!scanned.stopped) {
    const auto used = FirstNonZero(file->get(), scanned.end_position, segment->file_bytes);
    if (!used.ok() || *used < segment->file_bytes) return absl::OkStatus();
  }
  if (absl::Status status = (*file)->Truncate(scanned.end_position); !status.ok()) return status;
  segment->file_bytes = scanned.end_position;
  return absl::OkStatus();
}

absl::Status Recovery::ReadLast() {
  ScannedSegment last;
  while (!log_.segments.empty()) {
    RecoveredSegment& segment = log_.segments.back();
    auto scanned = Scan(*segment.segment, segment.file_bytes, HasLostPower());
    if (!scanned.ok()) return scanned.status();
    if (scanned->stopped && scanned->records == 0) {
      // Nothing of it was synced.
      absl::Status status = files_->Remove(segment.segment->path);
      if (!status.ok()) return status;
      log_.segments.pop_back();
      continue;
    }
    last = *std::move(scanned);
    if (absl::Status status = CutOffUnused(last, &segment); !status.ok()) return status;
    log_.max_time_us = last.max_time_us;
    if (segment.header_intact) {
      log_.max_time_us = std::max(last.max_time_us, segment.segment->max_time_before_us);
    }
    log_.holes = last.holes;
    log_.index = last.index;
    break;
  }
  if (log_.segments.empty() && found_.has_value()) last.end_offset = found_->begin_offset;
  return DecideEnd(last);
}

absl::Status Recovery::DecideEnd(const ScannedSegment& last) {
  log_.end_offset = last.end_offset;
  if (found_.has_value()) {
    log_.marks = *found_;
    // Whatever was shown to a reader lies below this.
    const bool exact = found_->clean || hint_.has_value();
    const int64_t shown_end = found_->clean       ? found_->reserved_end
                              : hint_.has_value() ? *hint_
                                                  : found_->reserved_end;
    if (shown_end > last.end_offset) {
      log_.end_offset = shown_end;
      if (exact) {
        log_.holes.emplace_back(last.end_offset, shown_end);
      } else {
        log_.skipped_before_end = shown_end - last.end_offset;
      }
    }
    const int64_t first =
        log_.segments.empty() ? log_.end_offset : log_.segments.front().segment->first_offset;
    if (!log_.segments.empty() && first > found_->begin_offset) {
      log_.holes.emplace_back(found_->begin_offset, first);
    }
  } else {
    log_.marks.identity = Identity::Random();
    log_.marks.adopted_below = log_.end_offset;
    log_.marks.begin_offset =
        log_.segments.empty() ? 0 : log_.segments.front().segment->first_offset;
  }
  if (log_.segments.empty()) return absl::OkStatus();
  if (absl::Status status = RewriteUnsynced(last.unsynced_position); !status.ok()) return status;

  const RecoveredSegment& segment = log_.segments.back();
  log_.continues_last = found_.has_value() && segment.header_intact &&
                        segment.segment->seed == found_->identity.Seed() &&
                        segment.file_bytes == last.end_position && last.holes.empty() &&
                        log_.end_offset == last.end_offset;
  if (!log_.continues_last && last.records == 0 &&
      segment.segment->first_offset == log_.end_offset) {
    // The new segment takes its name and place.
    log_.skipped_before_end = segment.segment->skipped_before;
    log_.segments.pop_back();
  }
  return absl::OkStatus();
}

absl::Status Recovery::RewriteUnsynced(int64_t last_position) {
  // What is read after the machine was off, or the log was closed in order, is on the disk.
  const bool clean = !found_.has_value() || found_->clean;
  const bool rewrite = hint_.has_value() && !clean;
  const int64_t synced_end = clean ? INT64_MAX : hint_.value_or(0);
  for (size_t i = log_.segments.size(); i-- > 0;) {
    const bool is_last = i + 1 == log_.segments.size();
    if (!is_last && log_.segments[i + 1].segment->first_offset <= synced_end) break;
    auto file = files_->OpenForWrite(log_.segments[i].segment->path);
    if (!file.ok()) return file.status();
    std::string bytes;
    int64_t position = is_last ? last_position : 0;
    const int64_t end = rewrite ? log_.segments[i].file_bytes : 0;
    while (position < end) {
      bytes.resize(static_cast<size_t>(std::min(kCopyBytes, end - position)));
      const auto read = (*file)->Read(position, bytes.size(), bytes.data());
      if (!read.ok() || *read == 0) break;
      bytes.resize(*read);
      if (absl::Status status = (*file)->Write(position, bytes); !status.ok()) return status;
      position += static_cast<int64_t>(bytes.size());
    }
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  }
  return files_->SyncDirectory(directory_);
}

absl::StatusOr<RecoveredLog> Recovery::Run() {
  absl::Status status = FindCandidates();
  if (status.ok()) status = TakeSegments();
  if (status.ok()) status = ReadLast();
  if (!status.ok()) return status;
  return std::move(log_);
}

}  // namespace

absl::StatusOr<RecoveredLog> Recover(FileSystem* files, const std::string& directory,
                                     const MarksFile& marks) {
  return Recovery(files, directory, marks).Run();
}

}  // namespace sluice::journal
