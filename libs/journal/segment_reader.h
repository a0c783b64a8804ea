#ifndef SLUICE_LIBS_JOURNAL_SEGMENT_READER_H_
#define SLUICE_LIBS_JOURNAL_SEGMENT_READER_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/file/file_system.h"
#include "libs/journal/journal.h"
#include "libs/journal/segment_catalog.h"
#include "libs/journal/segment_scanner.h"

namespace sluice::journal {

// Reads the durable part of the segments in a catalog, one file after the other.
class SegmentReader final : public JournalReader {
 public:
  // Both must outlive it.
  SegmentReader(FileSystem* files, SegmentCatalog* catalog, int64_t offset)
      : files_(files), catalog_(catalog), next_offset_(offset) {}

  absl::StatusOr<JournalBatch> Read(int max_records, int64_t max_bytes) override;
  absl::StatusOr<JournalBatch> Visit(int max_records, int64_t max_bytes,
                                     absl::FunctionRef<void(const RecordView&)> visit) override;
  int64_t next_offset() const override { return next_offset_; }

 private:
  // Opens the segment of next_offset_: false if nothing durable is there to be read, now or ever
  // (then a gap is noted).
  absl::StatusOr<bool> OpenSegment(JournalBatch* batch);
  void PassOver(int64_t to, JournalBatch* batch);
  void CloseSegment();

  FileSystem* const files_;
  SegmentCatalog* const catalog_;
  int64_t next_offset_;
  // The segment that is being read; none in between.
  std::shared_ptr<const Segment> segment_;
  std::unique_ptr<SegmentScanner> scanner_;
  // How far, as of the beginning of this Visit: the catalog is shared with who appends.
  SegmentLimit limit_;
  // Where in it the catalog may want an index point.
  int64_t next_index_position_ = 0;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SEGMENT_READER_H_
