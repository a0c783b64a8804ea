#include "tools/fleetsim/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

constexpr size_t kMaxBuffered = 64 << 10;
constexpr int64_t kMaxAgeUs = 100'000;

}  // namespace

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("ledger ", path));
  return std::unique_ptr<Ledger>(new Ledger(fd, path));
}

Ledger::~Ledger() {
  Flush().IgnoreError();
  close(fd_);
}

void Ledger::Sent(const Message& message, int64_t tag, absl::string_view value, bool anomaly) {
  Begin("sent", message);
  absl::StrAppend(&buffer_, ",\"tag\":", tag, ",\"value\":", value);
  End(message, anomaly ? ",\"anomaly\":true" : "");
}

void Ledger::Acknowledged(const Message& message, absl::string_view by) {
  Begin("acknowledged", message);
  absl::StrAppend(&buffer_, ",\"by\":\"", by, "\"");
  End(message, "");
}

void Ledger::Refused(const Message& message, absl::string_view why) {
  Begin("refused", message);
  absl::StrAppend(&buffer_, ",\"why\":\"", why, "\"");
  End(message, "");
}

void Ledger::Begin(absl::string_view event, const Message& message) {
  absl::StrAppend(&buffer_, "{\"event\":\"", event, "\",\"device\":\"", message.device_id);
  absl::StrAppend(&buffer_, "\",\"seq\":", message.seq);
}

void Ledger::End(const Message& message, absl::string_view tail) {
  absl::StrAppend(&buffer_, ",\"time_us\":", message.time_us, tail, "}\n");
  if (buffer_.size() >= kMaxBuffered) Flush().IgnoreError();
}

void Ledger::FlushIfDue(int64_t now_us) {
  if (now_us - last_flush_us_ < kMaxAgeUs) return;
  last_flush_us_ = now_us;
  Flush().IgnoreError();
}

absl::Status Ledger::Flush() {
  size_t done = 0;
  while (status_.ok() && done < buffer_.size()) {
    const ssize_t n = write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      status_ = absl::ErrnoToStatus(errno, absl::StrCat("ledger ", path_));
    }
  }
  buffer_.clear();
  return status_;
}

}  // namespace sluice::fleetsim
