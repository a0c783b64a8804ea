#ifndef SLUICE_TOOLS_FLEETSIM_WORKLOAD_H_
#define SLUICE_TOOLS_FLEETSIM_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/fleetsim/anomaly_plan.h"
#include "tools/fleetsim/ledger.h"
#include "tools/fleetsim/payload.h"
#include "tools/fleetsim/signal.h"
#include "tools/fleetsim/tally.h"

namespace sluice::fleetsim {

struct WorkloadOptions {
  SignalOptions signal;
  PayloadOptions payload;
  // Anomalies to plant.
  int64_t anomalies = 0;
  // The run ends after this time or this many messages, whichever comes first; 0: not for that
  // reason.
  int64_t duration_us = 0;
  int64_t max_messages = 0;
  // See Tally.
  int64_t first_tag = 0;
  // The Unix epoch's microseconds at the run's time 0.
  int64_t epoch_us = 0;
};

// What the devices say: makes their messages, plants the anomalies, and keeps tally and ledger.
// Times are microseconds since the run's time 0. Not thread-safe.
class Workload {
 public:
  // `tally` and `ledger` outlive it; `ledger` may be null.
  Workload(const WorkloadOptions& options, Tally* tally, Ledger* ledger);

  int AddDevice(absl::string_view id, Protocol protocol);
  int device_count() const { return static_cast<int>(ids_.size()); }
  const std::string& id(int device) const { return ids_[device]; }
  int coap_content_format() const { return payload_.coap_content_format(); }

  // The devices may send from now on; all of them were added. Close: no new messages any more.
  void Open(int64_t now_us);
  void Close() { open_ = false; }
  // Whether new messages may begin.
  bool IsOpen(int64_t now_us) const;

  // Begins the device's next message and returns its number.
  int64_t Begin(int device, int64_t now_us);
  // Writes the payload of a message that has begun: the same each time.
  void AppendPayload(int device, int64_t number, std::string* out) const;
  // Likewise, for a message that may have been sent before.
  void AppendPayloadAgain(int device, int64_t number, std::string* out) const;
  void Acknowledged(int device, int64_t number, int64_t now_us);
  // The device gives the message up.
  void Refused(int device, int64_t number, absl::string_view kind, int64_t now_us);
  void CountError(absl::string_view kind) { tally_->CountError(kind); }

  int64_t sent() const { return sent_; }
  // When the devices began to send.
  int64_t opened_us() const { return opened_us_; }

 private:
  double ProgressAt(int64_t now_us) const;
  // The reading of a message, as it is written.
  std::string Value(int device, int64_t number, bool anomaly) const;
  Ledger::Message Entry(int device, int64_t number, int64_t now_us) const;

  const WorkloadOptions options_;
  const Signal signal_;
  const Payload payload_;
  Tally* const tally_;
  Ledger* const ledger_;
  AnomalyPlan plan_;
  std::vector<std::string> ids_;
  std::vector<Protocol> protocols_;
  bool open_ = false;
  int64_t opened_us_ = 0;
  int64_t sent_ = 0;
  std::vector<int64_t> next_number_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_WORKLOAD_H_
