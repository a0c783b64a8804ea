#ifndef SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_MARKS_H_
#define SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_MARKS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "libs/journal/journal.h"

namespace sluice::ingress {

// Which letters of the dead-letter log are done with: all below an offset (purged), and single ones
// that were taken in when they were replayed. The log itself can only be appended to, so they stay
// in it until retention takes them; what is not purged is still needed, so that what the log has to
// drop is counted. Kept in a file (sluice.state.v1.DeadLetterMarks), which is
// replaced atomically. What is marked never comes back, unless the log is another one.
//
// Thread-safe.
class DeadLetterMarks {
 public:
  // Of replayed letters as many ranges are kept.
  static constexpr size_t kMaxRanges = 65'536;

  // None if there is no such file, or it is of another log. `log` must outlive it.
  // FAILED_PRECONDITION: a newer format. DATA_LOSS: damaged, or of another log.
  static absl::StatusOr<std::unique_ptr<DeadLetterMarks>> Open(const std::string& path,
                                                               Journal* log);
  // As if there were no such file.
  DeadLetterMarks(std::string path, Journal* log);

  // The first letter that is not purged or deleted, or will be.
  int64_t begin() const;
  bool Replayed(int64_t offset) const;
  // Whether that many more letters can be marked as replayed.
  bool HasRoomFor(size_t letters) const;

  // Both are on disk when they return OK, and did not happen otherwise.
  absl::Status PurgeBelow(int64_t offset);
  absl::Status MarkReplayed(const std::vector<int64_t>& offsets);

 private:
  struct Marks {
    int64_t purged_below = 0;
    // [key, value), apart from each other.
    std::map<int64_t, int64_t> replayed;
  };

  absl::Status Read();
  // Forgets what lies before the log's begin, writes, and then makes it ours.
  absl::Status Write(Marks marks) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Begin(const Marks& marks) const;

  const std::string path_;
  Journal* const log_;
  mutable absl::Mutex mutex_;
  Marks marks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_MARKS_H_
