#ifndef SLUICE_LIBS_JOURNAL_SEGMENT_WRITER_H_
#define SLUICE_LIBS_JOURNAL_SEGMENT_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/file/file_system.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {

// Appends to one segment file: what is added is in memory until Flush. One thread at a time; file()
// may be synced by another one.
class SegmentWriter {
 public:
  // Makes the file, in place of one that may be there. After an error there is none.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Create(FileSystem* files,
                                                               const std::string& path,
                                                               const SegmentHeader& header);
  // Goes on with a file that ends at `position`.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Continue(FileSystem* files,
                                                                 const std::string& path,
                                                                 int64_t position);

  // Frames are added at its end.
  std::string* added() { return &added_; }
  // Takes back what was added at `position` and behind it, which was not flushed.
  void TakeBack(int64_t position) { added_.resize(static_cast<size_t>(position - written_)); }
  // Writes what was added, with one write(). After an error nothing of it was written, and the next
  // call may succeed.
  absl::Status Flush();

  // Where the next frame goes.
  int64_t position() const { return written_ + added_bytes(); }
  // How far the file goes.
  int64_t written() const { return written_; }
  int64_t added_bytes() const { return static_cast<int64_t>(added_.size()); }
  const std::shared_ptr<File>& file() const { return file_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, int64_t written)
      : file_(std::move(file)), written_(written) {}

  const std::shared_ptr<File> file_;
  int64_t written_;
  std::string added_;
  // A part of it may stand behind written_.
  bool torn_ = false;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SEGMENT_WRITER_H_
