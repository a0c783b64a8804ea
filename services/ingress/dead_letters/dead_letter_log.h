#ifndef SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_LOG_H_
#define SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/journal/journal.h"
#include "services/ingress/dead_letters/dead_letter_marks.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// The dead letters that are there: durable, and neither purged nor replayed. Thread-safe.
class DeadLetterLog {
 public:
  // Both must outlive it.
  DeadLetterLog(Journal* journal, DeadLetterMarks* marks) : journal_(journal), marks_(marks) {}

  DeadLetterMarks* marks() const { return marks_; }

  // A part of the log, the oldest letter first.
  struct Page {
    std::vector<v1::DeadLetter> letters;
    // Empty if nothing follows at present.
    std::string next_page_token;
  };
  // What a method that takes these three fields of a request is to look at: about 1 MiB of letters
  // at the most. A page ends early, perhaps empty, when 16 MiB of the log were looked through for
  // it. INVALID_ARGUMENT: filter, page_size, page_token. UNAVAILABLE: read error of the disk.
  absl::StatusOr<Page> Select(absl::string_view method, const v1::DeadLetterFilter& filter,
                              int page_size, const std::string& page_token) const;
  // The token of a page that begins at `offset`.
  std::string TokenAt(int64_t offset, absl::string_view method,
                      const v1::DeadLetterFilter& filter) const;

  // One letter. NOT_FOUND says why it is not there. DATA_LOSS: it cannot be read.
  absl::StatusOr<v1::DeadLetter> Get(int64_t offset) const;

  // The first letter written at or after `time`, or where it will be.
  int64_t OffsetAt(absl::Time time) const { return journal_->OffsetAt(time); }
  int64_t end() const { return journal_->durable_offset(); }
  // How many letters there are below `offset`: reads them.
  absl::StatusOr<int64_t> CountBelow(int64_t offset) const;

 private:
  Journal* const journal_;
  DeadLetterMarks* const marks_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_LOG_H_
