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
//
// The file is filled with zeros ahead of the records, up to `segment_bytes`: a sync of what lies
// within it has no new size to write, which costs as much as the records, or more.
class SegmentWriter {
 public:
  // Makes the file, in place of one that may be there. After an error there is none.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Create(FileSystem* files,
                                                               const std::string& path,
                                                               const SegmentHeader& header,
                                                               int64_t segment_bytes);
  // Goes on with a file that ends at `position`.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Continue(FileSystem* files,
                                                                 const std::string& path,
                                                                 int64_t position,
                                                                 int64_t segment_bytes);

  // Frames are added at its end.
  std::string* added() { return &added_; }
  // Takes back what was added at `position` and behind it, which was not flushed.
  void TakeBack(int64_t position) { added_.resize(static_cast<size_t>(position - written_)); }
  // Writes what was added, with one write(). After an error nothing of it was written, and the next
  // call may succeed. Of zeros it writes `spare_bytes` at the most, and no more once the disk was
  // found full.
  absl::Status Flush(int64_t spare_bytes);
  // Takes back the zeros when nothing will be added any more. If that fails they do no harm.
  void Finish();

  // Where the next frame goes.
  int64_t position() const { return written_ + added_bytes(); }
  // How far the file goes, without the zeros.
  int64_t written() const { return written_; }
  // How many zeros are behind it.
  int64_t ahead_bytes() const { return filled_ - written_; }
  int64_t added_bytes() const { return static_cast<int64_t>(added_.size()); }
  const std::shared_ptr<File>& file() const { return file_; }

 private:
  SegmentWriter(std::unique_ptr<File> file, int64_t written, int64_t segment_bytes)
      : file_(std::move(file)), fill_end_(segment_bytes), written_(written), filled_(written) {}

  void FillAhead(int64_t spare_bytes);
  // Cuts the file off behind what is written.
  absl::Status CutOff();

  const std::shared_ptr<File> file_;
  int64_t fill_end_;  // no zeros from here on
  int64_t written_;
  int64_t filled_;  // the end of the zeros behind it
  std::string added_;
  // A part of it may stand behind written_.
  bool torn_ = false;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SEGMENT_WRITER_H_
