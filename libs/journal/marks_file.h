#ifndef SLUICE_LIBS_JOURNAL_MARKS_FILE_H_
#define SLUICE_LIBS_JOURNAL_MARKS_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "libs/file/file_system.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {

// What a journal must know of itself beside its records.
struct Marks {
  Identity identity;
  // Segments that begin below this offset may be of another identity: they were there when this one
  // was made.
  int64_t adopted_below = 0;
  // Everything below was deleted by retention.
  int64_t begin_offset = 0;
  // Of that the last so many offsets although they were still needed.
  int64_t dropped_before_begin = 0;
  // No offset at or above this one was ever shown to a reader.
  int64_t reserved_end = 0;
  // The log was closed in order: reserved_end is its end.
  bool clean = false;
};

// The file `marks` of a journal's directory. A crash in the middle of a Store leaves the marks
// before it. One thread at a time.
class MarksFile {
 public:
  // Makes the file if it is missing. A file of an older format is read, and becomes one of this
  // format with the next Store. FAILED_PRECONDITION: its format is newer.
  static absl::StatusOr<std::unique_ptr<MarksFile>> Open(FileSystem* files,
                                                         const std::string& directory);

  // As they were found or stored last; nothing if they are missing or damaged, or if the file is a
  // copy of the one they were stored in: then the log is another one from here on.
  const absl::optional<Marks>& marks() const { return marks_; }

  // The durable offset that was noted last, if that was in this run of the machine.
  absl::optional<int64_t> durable_hint() const { return durable_hint_; }

  // Everything below was durable once; noted in any run of the machine, and perhaps long ago. 0:
  // not known.
  int64_t durable_floor() const { return durable_floor_; }

  // Survives power loss when it returns OK.
  absl::Status Store(const Marks& marks);

  // Survives the end of the process, but not power loss. Costs one write().
  absl::Status NoteDurable(int64_t offset);

 private:
  MarksFile(std::unique_ptr<File> file, std::string boot_id)
      : file_(std::move(file)), boot_id_(std::move(boot_id)) {}

  // Takes the file's space at once, so that a full disk stops no Store.
  absl::Status Allocate();
  absl::Status Load();
  // Whether the file was stored last under another fingerprint than it has.
  bool IsCopy();
  absl::Status NoteFingerprint();

  const std::unique_ptr<File> file_;
  const std::string boot_id_;
  absl::optional<Marks> marks_;
  absl::optional<int64_t> durable_hint_;
  int64_t durable_floor_ = 0;
  uint64_t sequence_ = 0;
  bool fingerprint_noted_ = false;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_MARKS_FILE_H_
