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

void Ledger::Sent(absl::string_view device_id, int64_t seq, int64_t tag, int64_t time_us,
                  bool anomaly) {
  absl::StrAppend(&buffer_, "{\"event\":\"sent\",\"device\":\"", device_id, "\",\"seq\":", seq);
  absl::StrAppend(&buffer_, ",\"tag\":", tag, ",\"time_us\":", time_us,
                  anomaly ? ",\"anomaly\":true}\n" : "}\n");
  WriteIfLarge();
}

void Ledger::Acknowledged(absl::string_view device_id, int64_t seq, int64_t time_us) {
  absl::StrAppend(&buffer_, "{\"event\":\"acknowledged\",\"device\":\"", device_id,
                  "\",\"seq\":", seq);
  absl::StrAppend(&buffer_, ",\"time_us\":", time_us, "}\n");
  WriteIfLarge();
}

void Ledger::WriteIfLarge() {
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
