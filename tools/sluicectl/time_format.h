#ifndef SLUICE_TOOLS_SLUICECTL_TIME_FORMAT_H_
#define SLUICE_TOOLS_SLUICECTL_TIME_FORMAT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::sluicectl {

// `2026-03-01 14:05:09.250`; without the milliseconds if `milliseconds` is false.
std::string TimeText(absl::Time time, absl::TimeZone zone, bool milliseconds = false);

// How long ago: `now` (under a second), `12s ago`, `5m ago`, `3h ago`, `9d ago`; `in 12s` for the
// future.
std::string AgeText(absl::Time time, absl::Time now);

// The two largest units of a duration: `250ms`, `1.5s`, `5m30s`, `3h20m`, `9d4h`.
std::string DurationText(absl::Duration duration);

// A duration as a person writes it: `500ms`, `10s`, `5m`, `24h`, `7d`. Not negative.
// INVALID_ARGUMENT says what a duration looks like.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// RFC 3339: `2026-03-01T14:05:09Z`, `2026-03-01T14:05:09.25+01:00`. INVALID_ARGUMENT.
absl::StatusOr<absl::Time> ParseTime(absl::string_view text);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TIME_FORMAT_H_
