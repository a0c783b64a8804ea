#include "libs/subscription/start_position.h"

#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"

namespace sluice {

absl::StatusOr<int64_t> ResolveStart(const StartPosition& start, const Journal& journal) {
  switch (start.kind) {
    case StartPosition::Kind::kEarliest:
      return journal.begin_offset();
    case StartPosition::Kind::kLatest:
      return journal.durable_offset();
    case StartPosition::Kind::kTime:
      return journal.OffsetAt(start.time);
    case StartPosition::Kind::kOffset: {
      if (start.offset < 0) return InvalidField("start.offset", "must not be negative");
      const int64_t durable = journal.durable_offset();
      if (start.offset <= durable) return start.offset;
      return absl::OutOfRangeError(
          absl::StrCat("start.offset: ", start.offset, " lies beyond the durable end ", durable));
    }
    case StartPosition::Kind::kDefault:
    case StartPosition::Kind::kResume:
      break;
  }
  return InvalidField("start.resume", "needs a subscription that exists");
}

}  // namespace sluice
