#ifndef SLUICE_TOOLS_FLEETSIM_LEDGER_H_
#define SLUICE_TOOLS_FLEETSIM_LEDGER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::fleetsim {

// Writes down what was sent and what became of it, one JSON object a line:
//   {"event":"sent","device":"sim-00001","seq":0,"tag":71,"value":21.345000071,"time_us":1700000000000000}
//   {"event":"acknowledged","device":"sim-00001","seq":0,"by":"broker","time_us":1700000000001500}
//   {"event":"refused","device":"sim-00002","seq":7,"why":"coap 5.03","time_us":1700000000001500}
// `time_us` is microseconds of the Unix epoch, and in thousands of them the time that the message
// gives; `value` is the reading just as it was sent; an anomaly's `sent` has `"anomaly":true`;
// `tag` is the number in the last nine digits of the value. Who acknowledged: `broker` or
// `gateway`. A message is refused when the device gives it up: it was told no, or nothing. Lines
// are buffered for at most 100 ms or 64 KiB: that much a kill may lose. Not thread-safe.
class Ledger {
 public:
  // Appends to `path`, which is made if it is missing.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path);
  // Writes what is buffered.
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  struct Message {
    absl::string_view device_id;
    int64_t seq = 0;
    int64_t time_us = 0;
  };
  void Sent(const Message& message, int64_t tag, absl::string_view value, bool anomaly);
  void Acknowledged(const Message& message, absl::string_view by);
  void Refused(const Message& message, absl::string_view why);
  // To be called often: writes what is older than 100 ms.
  void FlushIfDue(int64_t now_us);
  // Writes everything. The first write error ends the ledger; it is returned here and from then on.
  absl::Status Flush();

 private:
  Ledger(int fd, const std::string& path) : fd_(fd), path_(path) {}
  void Begin(absl::string_view event, const Message& message);
  void End(const Message& message, absl::string_view tail);

  const int fd_;
  const std::string path_;
  std::string buffer_;
  int64_t last_flush_us_ = 0;
  absl::Status status_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_LEDGER_H_
