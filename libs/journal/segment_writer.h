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

// Appends to one segment file. One thread at a time; file() may be synced by another one.
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

  // One write(). After an error nothing was appended, and the next call may succeed.
  absl::Status Append(absl::string_view frame);

  // Where the next frame goes.
  int64_t position() const { return position_; }
  const std::shared_ptr<File>& file() const { return file_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, int64_t position)
      : file_(std::move(file)), position_(position) {}

  const std::shared_ptr<File> file_;
  int64_t position_;
  // A part of a frame may stand behind position_.
  bool torn_ = false;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SEGMENT_WRITER_H_
