#include "libs/journal/segment_writer.h"

namespace sluice::journal {

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

absl::Status SegmentWriter::Append(absl::string_view frame) {
  if (torn_) {
    if (absl::Status status = file_->Truncate(position_); !status.ok()) return status;
    torn_ = false;
  }
  absl::Status status = file_->Write(position_, frame);
  if (!status.ok()) {
    torn_ = !file_->Truncate(position_).ok();
    return status;
  }
  position_ += static_cast<int64_t>(frame.size());
  return absl::OkStatus();
}

}  // namespace sluice::journal
