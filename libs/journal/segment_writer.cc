#include "libs/journal/segment_writer.h"

namespace sluice::journal {
namespace {

// What the buffer may keep between two writes.
constexpr size_t kKeptBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(FileSystem* files,
                                                                     const std::string& path,
                                                                     const SegmentHeader& header) {
  auto file = files->OpenForWrite(path);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Truncate(0);
  if (status.ok()) status = (*file)->Write(0, EncodeSegmentHeader(header));
  if (!status.ok()) {
    // If the file stays, it holds no record: recovery removes it.
    files->Remove(path).IgnoreError();
    return status;
  }
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(*std::move(file), kSegmentHeaderBytes));
}

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Continue(FileSystem* files,
                                                                       const std::string& path,
                                                                       int64_t position) {
  auto file = files->OpenForWrite(path);
  if (!file.ok()) return file.status();
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(*std::move(file), position));
}

absl::Status SegmentWriter::Flush() {
  if (added_.empty()) return absl::OkStatus();
  if (torn_) {
    if (absl::Status status = file_->Truncate(written_); !status.ok()) return status;
    torn_ = false;
  }
  absl::Status status = file_->Write(written_, added_);
  if (!status.ok()) {
    torn_ = !file_->Truncate(written_).ok();
    return status;
  }
  written_ += added_bytes();
  if (added_.capacity() > kKeptBytes) std::string().swap(added_);
  added_.clear();
  return absl::OkStatus();
}

}  // namespace sluice::journal
