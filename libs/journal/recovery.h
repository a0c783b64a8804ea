#ifndef SLUICE_LIBS_JOURNAL_RECOVERY_H_
#define SLUICE_LIBS_JOURNAL_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/file/file_system.h"
#include "libs/journal/marks_file.h"
#include "libs/journal/segment_catalog.h"

namespace sluice::journal {

struct RecoveredSegment {
  std::shared_ptr<Segment> segment;
  int64_t file_bytes = 0;
  bool header_intact = false;
};

// A log as it was found, on disk now as far as it can be read.
struct RecoveredLog {
  Marks marks;  // to go on with; not stored yet
  std::vector<RecoveredSegment> segments;
  // The offset that the next record gets. Higher than any that a reader has ever seen.
  int64_t end_offset = 0;
  // Of the offsets right below end_offset so many are passed over: whether they held records is not
  // known.
  int64_t skipped_before_end = 0;
  // Whether the last segment takes more records, from its end on. Otherwise a new one must begin.
  bool continues_last = false;
  int64_t max_time_us = INT64_MIN;
  // Holes found on the way, [from, to).
  std::vector<std::pair<int64_t, int64_t>> holes;
  // Of the last segment: see SegmentCatalog::AddIndexPoint.
  std::vector<std::pair<int64_t, int64_t>> index;
};

// Finds what there is of a log after whatever happened to it. Reads the headers of all segments and
// the records of the last one: older damage is found when it is read.
//
// Segment files are left as they are, except: what was not synced in this run of the machine is
// written once more and synced (a sync that failed before may have lost it); the last segment loses
// what was never written or, after a power loss, what was written behind something that is missing;
// files without any intact record are renamed to *.damaged, or removed if they are empty; and
// segments that retention was about to delete are deleted. FAILED_PRECONDITION, with nothing
// touched, if a segment's format is newer.
absl::StatusOr<RecoveredLog> Recover(FileSystem* files, const std::string& directory,
                                     const MarksFile& marks);

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_RECOVERY_H_
