#ifndef SLUICE_SERVICES_INGRESS_INTAKE_INTAKE_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_INTAKE_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/ingress/intake/inbound_message.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// Where a message was written down.
struct Receipt {
  enum class Log { kNone, kTelemetry, kDeadLetters, kReports };
  Log log = Log::kNone;
  int64_t offset = 0;
};

// Which of two receipts of one log becomes durable last: a duplicate's is older than those before
// it. One of no log is durable already.
inline const Receipt& LaterOf(const Receipt& a, const Receipt& b) {
  if (a.log == Receipt::Log::kNone) return b;
  return b.log == Receipt::Log::kNone || b.offset < a.offset ? a : b;
}

// What became of a message.
struct Verdict {
  // OK: taken in. Else why not, in words for the sender: INVALID_ARGUMENT (malformed, illegal id),
  // OUT_OF_RANGE (too large), NOT_FOUND (unknown device), FAILED_PRECONDITION (disabled device),
  // UNIMPLEMENTED (content type), RESOURCE_EXHAUSTED or UNAVAILABLE (not now: nothing was written).
  absl::Status status;
  // Set when status says it went to the dead letters.
  v1::DeadLetterReason reason = v1::DEAD_LETTER_REASON_UNSPECIFIED;
  // Where it is written, taken in or refused.
  Receipt receipt;
  // It was taken in before, with the same message id: nothing was written now, and the receipt is
  // that of the first one.
  bool duplicate = false;
  // Its device sends more than it may. OK: it was taken in all the same, and flagged. Else nothing
  // was written, and after `retry_after` the device may send it again.
  bool over_rate = false;
  absl::Duration retry_after = absl::ZeroDuration();
};

// What a gRPC caller is told of a verdict: what is too large is the sender's mistake like any
// other.
inline absl::StatusCode CodeOf(const absl::Status& status) {
  return absl::IsOutOfRange(status) ? absl::StatusCode::kInvalidArgument : status.code();
}

// The one way in: every source hands every message to Take, which checks it, decides about it and
// writes it down, in one of three logs: telemetry, dead letters, or reports (statuses and command
// responses on their way to the registry). Thread-safe; Take calls no RPC and never waits for the
// disk.
class Intake {
 public:
  virtual ~Intake() = default;

  virtual Verdict Take(const InboundMessage& message) = 0;

  // Whether the logs take anything now; else why not. May write a small file to find out.
  virtual absl::Status CheckWritable() const = 0;

  // Has what was taken fsynced as soon as may be, without waiting for it. Else what no sender waits
  // for lets some milliseconds of others gather.
  virtual void RequestSync() {}

  // Whether what the receipt names is fsynced. Log::kNone is.
  virtual bool IsDurable(const Receipt& receipt) const = 0;
  virtual bool WaitDurable(const Receipt& receipt, absl::Duration timeout) const = 0;

  // `listener` is called after each fsync of any of the logs, on the thread that did it: quick, and
  // no call back in here. RemoveDurableListener waits until it runs no more.
  virtual int64_t AddDurableListener(std::function<void()> listener) = 0;
  virtual void RemoveDurableListener(int64_t key) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_INTAKE_H_
