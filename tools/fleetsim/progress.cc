#include "tools/fleetsim/progress.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_format.h"

namespace sluice::fleetsim {

Progress::Progress(const Tally* tally, bool subscriber, bool insights, bool quiet)
    : tally_(tally),
      subscriber_(subscriber),
      insights_(insights),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::ShowIfDue(int64_t now_us, absl::string_view phase) {
  if (quiet_ || now_us < next_us_) return;
  next_us_ = now_us + 1'000'000;
  const Tally::Progress now = tally_->progress();
  const double rate = now_us > last_us_ ? static_cast<double>(now.sent - last_sent_) * 1e6 /
                                              static_cast<double>(now_us - last_us_)
                                        : 0.0;
  last_us_ = now_us;
  last_sent_ = now.sent;
  std::string line = absl::StrFormat("%4d s  %-10s  sent %d (%.0f/s)  acknowledged %d",
                                     now_us / 1'000'000, phase, now.sent, rate, now.acknowledged);
  if (subscriber_) absl::StrAppendFormat(&line, "  received %d", now.received);
  if (insights_) {
    absl::StrAppendFormat(&line, "  anomalies %d/%d", now.anomalies.found, now.anomalies.planted);
  }
  if (now.errors > 0) absl::StrAppendFormat(&line, "  errors %d", now.errors);
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
}

void Progress::Finish() {
  if (!quiet_ && terminal_) std::fputs("\n", stderr);
}

}  // namespace sluice::fleetsim
