#include "libs/journal/segment_writer.h"

#include <algorithm>

namespace sluice::journal {
namespace {

// What the buffer may keep between two writes.
constexpr size_t kKeptBytes = 1 << 20;
// How far a file is filled ahead: so many bytes of zeros are synced at once.
constexpr int64_t kAheadBytes = 256 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(FileSystem* files,
                                                                     const std::string& path,
                                                                     const SegmentHeader& header,
                                                                     int64_t segment_bytes) {
  auto file = files->OpenForWrite(path);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Truncate(0);
  if (status.ok()) status = (*file)->Write(0, EncodeSegmentHeader(header));
  if (!status.ok()) {
    // If the file stays, it holds no record: recovery removes it.
    files->Remove(path).IgnoreError();
    return status;
  }
  return std::unique_ptr<SegmentWriter>(
      new SegmentWriter(*std::move(file), kSegmentHeaderBytes, segment_bytes));
}

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Continue(FileSystem* files,
                                                                       const std::string& path,
                                                                       int64_t position,
                                                                       int64_t segment_bytes) {
  auto file = files->OpenForWrite(path);
  if (!file.ok()) return file.status();
  return std::unique_ptr<SegmentWriter>(
      new SegmentWriter(*std::move(file), position, segment_bytes));
}

absl::Status SegmentWriter::Flush(int64_t spare_bytes) {
  if (added_.empty()) return absl::OkStatus();
  if (torn_) {
    if (absl::Status status = CutOff(); !status.ok()) return status;
  }
  absl::Status status = file_->Write(written_, added_);
  if (!status.ok()) {
    CutOff().IgnoreError();
    return status;
  }
  written_ += added_bytes();
  if (written_ > filled_) FillAhead(spare_bytes);
  if (added_.capacity() > kKeptBytes) std::string().swap(added_);
  added_.clear();
  return absl::OkStatus();
}

void SegmentWriter::FillAhead(int64_t spare_bytes) {
  filled_ = written_;
  const int64_t bytes = std::min({kAheadBytes, fill_end_ - written_, spare_bytes});
  if (bytes <= 0) return;
  const std::string zeros(static_cast<size_t>(bytes), '\0');
  if (file_->Write(written_, zeros).ok()) {
    filled_ += bytes;
  } else {
    fill_end_ = 0;
    CutOff().IgnoreError();
  }
}

void SegmentWriter::Finish() {
  if (filled_ > written_) CutOff().IgnoreError();
}

absl::Status SegmentWriter::CutOff() {
  absl::Status status = file_->Truncate(written_);
  torn_ = !status.ok();
  if (status.ok()) filled_ = written_;
  return status;
}

}  // namespace sluice::journal
