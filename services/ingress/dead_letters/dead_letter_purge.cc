#include "services/ingress/dead_letters/dead_letter_purge.h"

#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"
#include "services/ingress/dead_letters/dead_letter_filter.h"

namespace sluice::ingress {
namespace {

using Request = v1::PurgeDeadLettersRequest;

// The first letter that stays.
absl::StatusOr<int64_t> EndOf(const Request& request, const DeadLetterLog& log) {
  const int64_t end = log.end();
  switch (request.which_case()) {
    case Request::kAll:
      return end;
    case Request::kBeforeOffset:
      if (request.before_offset() < 0) {
        return InvalidField("before_offset", "must not be negative");
      }
      if (request.before_offset() <= end) return request.before_offset();
      return absl::OutOfRangeError(
          absl::StrCat("before_offset: ", request.before_offset(), " lies beyond the end ", end));
    case Request::kBeforeTime: {
      const auto time = CheckedTime(request.before_time(), "before_time");
      if (!time.ok()) return time.status();
      return log.OffsetAt(*time);
    }
    case Request::WHICH_NOT_SET:
      break;
  }
  return InvalidField("before_offset", "one of before_offset, before_time and all must be set");
}

}  // namespace

absl::StatusOr<v1::PurgeDeadLettersResponse> PurgeDeadLetters(const Request& request,
                                                              const DeadLetterLog& log) {
  const auto end = EndOf(request, log);
  if (!end.ok()) return end.status();
  const auto count = log.CountBelow(*end);
  if (!count.ok()) return count.status();
  v1::PurgeDeadLettersResponse response;
  response.set_purged_count(*count);
  if (request.validate_only()) return response;
  if (absl::Status status = log.marks()->PurgeBelow(*end); !status.ok()) return status;
  return response;
}

}  // namespace sluice::ingress
