#include "tools/sluicectl/time_format.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/sluicectl/display_text.h"

namespace sluice::sluicectl {
namespace {

// In whole seconds, minutes, hours or days, whichever is the largest that fits.
std::string OneUnit(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 60) return absl::StrCat(seconds, "s");
  if (seconds < 60 * 60) return absl::StrCat(seconds / 60, "m");
  if (seconds < 24 * 60 * 60) return absl::StrCat(seconds / (60 * 60), "h");
  return absl::StrCat(seconds / (24 * 60 * 60), "d");
}

}  // namespace

std::string TimeText(absl::Time time, absl::TimeZone zone, bool milliseconds) {
  return absl::FormatTime(milliseconds ? "%Y-%m-%d %H:%M:%E3S" : "%Y-%m-%d %H:%M:%S", time, zone);
}

std::string AgeText(absl::Time time, absl::Time now) {
  const absl::Duration age = now - time;
  if (age <= -absl::Seconds(1)) return absl::StrCat("in ", OneUnit(-age));
  if (age < absl::Seconds(1)) return "now";
  return absl::StrCat(OneUnit(age), " ago");
}

std::string DurationText(absl::Duration duration) {
  if (duration < absl::Minutes(1)) return absl::FormatDuration(duration);
  const int64_t seconds = absl::ToInt64Seconds(duration);
  const auto join = [](int64_t large, const char* large_unit, int64_t small, const char* unit) {
    return small == 0 ? absl::StrCat(large, large_unit)
                      : absl::StrCat(large, large_unit, small, unit);
  };
  if (seconds < 60 * 60) return join(seconds / 60, "m", seconds % 60, "s");
  const int64_t minutes = seconds / 60;
  if (minutes < 24 * 60) return join(minutes / 60, "h", minutes % 60, "m");
  const int64_t hours = minutes / 60;
  return join(hours / 24, "d", hours % 24, "h");
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  absl::string_view days = text;
  double count = 0;
  if (absl::ConsumeSuffix(&days, "d") && absl::SimpleAtod(days, &count)) {
    duration = absl::Hours(24 * count);
  } else if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(absl::StrCat("'", EscapeForDisplay(text),
                                                   "' is not a duration such as 500ms, 10s, 5m, "
                                                   "24h or 7d"));
  }
  // The end of what google.protobuf.Duration can hold.
  if (duration < absl::ZeroDuration() || !(duration <= absl::Hours(24 * 365) * 10000)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", EscapeForDisplay(text), "' is out of range: 0 to 10,000 years"));
  }
  return duration;
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  absl::Time time;
  std::string error;
  const bool parsed = absl::ParseTime(absl::RFC3339_full, text, &time, &error);
  const absl::Time first = absl::FromCivil(absl::CivilSecond(1, 1, 1), absl::UTCTimeZone());
  const absl::Time end = absl::FromCivil(absl::CivilSecond(10000, 1, 1), absl::UTCTimeZone());
  if (!parsed || time < first || time >= end) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", EscapeForDisplay(text), "' is not a time such as 2026-03-01T14:05:09Z"));
  }
  return time;
}

}  // namespace sluice::sluicectl
