#ifndef SLUICE_LIBS_JOURNAL_SEGMENT_SCANNER_H_
#define SLUICE_LIBS_JOURNAL_SEGMENT_SCANNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/file/file_system.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {

// Reads the intact records of one segment forward, in large pieces. Whatever is not an intact
// record is passed over to the next one that is: a hole shows as a jump of the offsets. Single
// sectors that cannot be read count as damaged. One thread at a time.
class SegmentScanner {
 public:
  struct Record {
    int64_t offset = 0;
    int64_t time_us = 0;
    int64_t position = 0;       // of its first byte in the file
    int64_t end_position = 0;   // of the byte after it
    absl::string_view payload;  // until the next call
  };

  // Begins at `position`, where a record begins; its offset is `offset` or higher.
  SegmentScanner(std::unique_ptr<File> file, uint64_t seed, int64_t position, int64_t offset)
      : file_(std::move(file)), seed_(seed), position_(position), next_offset_(offset) {}

  // Gives the next intact record below `limit_offset` that ends at or before `limit_position`:
  // false if there is none, and then the scanner stands at limit_position. Calls may raise the
  // limits. An error if nothing at all can be read from the disk; the next call tries again.
  absl::StatusOr<bool> Next(int64_t limit_position, int64_t limit_offset, Record* record);

  // Frees the buffer until the next call. What record pointed to is gone.
  void ReleaseBuffer();

 private:
  bool IsBuffered(int64_t position, int64_t size) const {
    return position >= buffer_position_ &&
           position + size <= buffer_position_ + static_cast<int64_t>(buffer_.size());
  }
  // Reads so that `size` bytes from `position` on are in the buffer; it reads ahead up to
  // limit_position. False: the file ends before.
  absl::StatusOr<bool> Buffer(int64_t position, int64_t size, int64_t limit_position);
  // Fills the buffer sector by sector, with zeros for those that cannot be read; `error` if none
  // can.
  absl::Status ReadSectors(const absl::Status& error);
  absl::StatusOr<bool> IntactAt(int64_t position, int64_t limit_position, int64_t limit_offset,
                                Record* record);
  // Where the next bytes stand that may begin a record; limit_position if there are none.
  absl::StatusOr<int64_t> FindCandidate(int64_t position, int64_t limit_position);
  absl::string_view Buffered(int64_t position, int64_t size) const;

  const std::unique_ptr<File> file_;
  const uint64_t seed_;
  int64_t position_;
  int64_t next_offset_;
  std::string buffer_;
  int64_t buffer_position_ = 0;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SEGMENT_SCANNER_H_
