#include "libs/journal/segment_scanner.h"

#include <algorithm>

#include "absl/types/optional.h"

namespace sluice::journal {
namespace {

constexpr int64_t kReadAheadBytes = 256 << 10;
constexpr size_t kReadUnitBytes = 4096;

}  // namespace

absl::StatusOr<bool> SegmentScanner::Next(int64_t limit_position, int64_t limit_offset,
                                          Record* record) {
  while (position_ < limit_position) {
    const auto intact = IntactAt(position_, limit_position, limit_offset, record);
    if (!intact.ok()) return intact.status();
    if (*intact) {
      position_ = record->end_position;
      next_offset_ = record->offset + 1;
      return true;
    }
    const auto candidate = FindCandidate(position_ + 1, limit_position);
    if (!candidate.ok()) return candidate.status();
    position_ = *candidate;
  }
  return false;
}

void SegmentScanner::ReleaseBuffer() {
  buffer_.clear();
  buffer_.shrink_to_fit();
}

absl::StatusOr<bool> SegmentScanner::IntactAt(int64_t position, int64_t limit_position,
                                              int64_t limit_offset, Record* record) {
  if (limit_position - position < kRecordHeaderBytes) return false;
  if (!IsBuffered(position, kRecordHeaderBytes)) {
    const auto there = Buffer(position, kRecordHeaderBytes, limit_position);
    if (!there.ok() || !*there) return there;
  }
  const auto header = DecodeRecordHeader(Buffered(position, kRecordHeaderBytes));
  if (!header.has_value() || header->offset < next_offset_ || header->offset >= limit_offset ||
      limit_position - position < header->FrameBytes()) {
    return false;
  }
  if (!IsBuffered(position, header->FrameBytes())) {
    const auto there = Buffer(position, header->FrameBytes(), limit_position);
    if (!there.ok() || !*there) return there;
  }
  const absl::string_view frame = Buffered(position, header->FrameBytes());
  if (!RecordIsIntact(seed_, *header, frame)) return false;
  record->offset = header->offset;
  record->time_us = header->time_us;
  record->position = position;
  record->end_position = position + header->FrameBytes();
  record->payload = frame.substr(kRecordHeaderBytes);
  return true;
}

absl::StatusOr<int64_t> SegmentScanner::FindCandidate(int64_t position, int64_t limit_position) {
  const absl::string_view magic(kRecordMagic, kRecordMagicBytes);
  while (limit_position - position >= kRecordHeaderBytes) {
    const auto there = Buffer(position, kRecordHeaderBytes, limit_position);
    if (!there.ok()) return there.status();
    if (!*there) break;
    const int64_t buffered_end =
        std::min(limit_position, buffer_position_ + static_cast<int64_t>(buffer_.size()));
    const int64_t searched = position + kRecordMagicPosition;
    const size_t found = Buffered(searched, buffered_end - searched).find(magic);
    if (found != absl::string_view::npos) return position + static_cast<int64_t>(found);
    // What is left may hold the first part of a magic, or of the header around it.
    position = std::max(position + 1, buffered_end - kRecordHeaderBytes + 1);
  }
  return limit_position;
}

absl::StatusOr<bool> SegmentScanner::Buffer(int64_t position, int64_t size,
                                            int64_t limit_position) {
  if (IsBuffered(position, size)) return true;
  const int64_t wanted = std::max(size, std::min(kReadAheadBytes, limit_position - position));
  buffer_.resize(static_cast<size_t>(wanted));
  buffer_position_ = position;
  auto read = file_->Read(position, buffer_.size(), buffer_.data());
  if (!read.ok()) {
    absl::Status status = ReadSectors(read.status());
    if (!status.ok()) {
      buffer_.clear();
      return status;
    }
    return static_cast<int64_t>(buffer_.size()) >= size;
  }
  buffer_.resize(*read);
  return static_cast<int64_t>(buffer_.size()) >= size;
}

absl::Status SegmentScanner::ReadSectors(const absl::Status& error) {
  bool any = false;
  size_t done = 0;
  while (done < buffer_.size()) {
    // Up to the end of the sector in the file.
    const size_t in_sector =
        static_cast<size_t>(buffer_position_ + static_cast<int64_t>(done)) % kReadUnitBytes;
    const size_t size = std::min(kReadUnitBytes - in_sector, buffer_.size() - done);
    const auto read =
        file_->Read(buffer_position_ + static_cast<int64_t>(done), size, &buffer_[done]);
    if (!read.ok()) {
      std::fill_n(buffer_.begin() + static_cast<std::ptrdiff_t>(done), size, '\0');
    } else {
      any = true;
      if (*read < size) {
        buffer_.resize(done + *read);
        break;
      }
    }
    done += size;
  }
  return any ? absl::OkStatus() : error;
}

absl::string_view SegmentScanner::Buffered(int64_t position, int64_t size) const {
  return absl::string_view(buffer_).substr(static_cast<size_t>(position - buffer_position_),
                                           static_cast<size_t>(size));
}

}  // namespace sluice::journal
