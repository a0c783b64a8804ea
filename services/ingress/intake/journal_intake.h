#ifndef SLUICE_SERVICES_INGRESS_INTAKE_JOURNAL_INTAKE_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_JOURNAL_INTAKE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/journal/journal.h"
#include "services/ingress/device_replica/device_replica.h"
#include "services/ingress/intake/device_rates.h"
#include "services/ingress/intake/heard_devices.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/intake/message_window.h"
#include "services/ingress/intake/newcomers.h"
#include "services/ingress/intake/ring_marks.h"

namespace sluice::ingress {

// What became of messages, by protocol, kind, QoS and outcome. Since the start.
struct IntakeStats {
  enum Outcome {
    kAccepted,
    kUnchanged,  // a retained status that is known already, or in its log from before a crash
    kDuplicate,  // telemetry that was taken in before with the same message id
    kMalformed,
    kTooLarge,
    kIllegalDeviceId,
    kUnknownDevice,
    kDisabledDevice,
    kUnsupportedContentType,
    kUnavailable,       // could not be written: nothing was
    kOverRate,          // its device sends too much: nothing was written
    kAcceptedOverRate,  // the same, but a broker had acknowledged it
    kOutcomes,
  };
  static constexpr int kProtocols = 4;  // values of v1::Protocol
  static constexpr int kKinds = 4;      // values of InboundMessage::Kind
  static constexpr int kQos = 3;        // values of InboundMessage::qos; gRPC is 1

  int64_t messages[kProtocols][kKinds][kQos][kOutcomes] = {};
};

// The intake over three journals.
//
// Telemetry of the same device and message id has one effect, by whatever ways it comes, as far as
// the window remembers it. Message ids of other kinds say nothing: a command's answer is known by
// the command's id, and of statuses the newest counts.
//
// A device that sends more than it may: what a broker has acknowledged already is taken in and
// flagged; all else is not taken, and nothing of it is written. Statuses and answers to commands
// that come by MQTT are always taken: they may be a Will.
//
// Records: the telemetry journal holds serialized sluice.v1.Telemetry without its offset (which is
// the record's own), the dead letters sluice.v1.DeadLetter likewise, the reports
// sluice.state.v1.Report.
class JournalIntake final : public Intake {
 public:
  struct Options {
    // Whether a device that the registry does not know is taken in and registered there.
    bool auto_register = false;
    // What the logs hold already of the rings of brokers, from before the start.
    RingMarks marks = {};
  };
  // What it works with; all of it outlives the intake.
  struct Parts {
    Journal* telemetry;
    Journal* dead_letters;
    Journal* reports;
    const DeviceReplica* replica;
    Newcomers* newcomers;
    HeardDevices* heard;
    // The telemetry journal's message ids.
    MessageWindow* window;
    // What each device may send, but for what comes by a ring: that has its own.
    DeviceRates* rates;
  };

  JournalIntake(const Parts& parts, const Options& options) : parts_(parts), options_(options) {}

  Verdict Take(const InboundMessage& message) override;

  // Takes a dead letter in once more, at whatever rate. If it is refused again no other letter is
  // written: it is there.
  Verdict TakeAgain(const InboundMessage& message);

  // Takes telemetry that came decoded, by gRPC: validates it, sets its output-only fields and
  // writes it down. What is refused does not go to the dead letters: the caller is told.
  Verdict TakeDecoded(const Moment& received, v1::Telemetry* telemetry);

  absl::Status CheckWritable() const override;
  void RequestSync() override;
  // See Journal::SyncTo.
  void SyncTo(const Receipt& receipt) const;
  bool IsDurable(const Receipt& receipt) const override;
  bool WaitDurable(const Receipt& receipt, absl::Duration timeout) const override;
  int64_t AddDurableListener(std::function<void()> listener) override;
  void RemoveDurableListener(int64_t key) override;

  IntakeStats stats() const;

 private:
  Verdict Decide(const InboundMessage& message, bool limit_rate);
  Verdict TakeTelemetry(const InboundMessage& message, bool over_rate);
  // Counts it against its device's rate. OK unless it is over that; `over_rate` and OK: take it.
  Verdict CheckRate(const InboundMessage& message);
  Verdict TakeStatus(const InboundMessage& message);
  Verdict TakeCommandResponse(const InboundMessage& message);
  // What the registry has to say about the device, and that it is to learn of it.
  Verdict Admit(absl::string_view device_id);
  // `message`: the one it came as; null if it came decoded.
  Verdict AppendTelemetry(const InboundMessage* message, const Moment& received,
                          v1::Telemetry* telemetry);
  // Whether the log has it already from before a crash.
  bool IsInLog(const InboundMessage* message, Receipt::Log log) const;
  // Appends to a log, unless that has it already from before a crash.
  Verdict Append(const InboundMessage* message, Receipt::Log log, absl::string_view record);
  Verdict BuryIfRefused(const InboundMessage& message, Verdict verdict);
  Journal* LogOf(Receipt::Log log) const;
  void Count(v1::Protocol protocol, InboundMessage::Kind kind, int qos, const Verdict& verdict);

  const Parts parts_;
  const Options options_;

  std::atomic<int64_t> messages_[IntakeStats::kProtocols][IntakeStats::kKinds][IntakeStats::kQos]
                                [IntakeStats::kOutcomes] = {};

  struct ListenerKeys {
    int64_t telemetry, dead_letters, reports;
  };
  absl::Mutex listeners_mutex_;
  std::map<int64_t, ListenerKeys> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  int64_t last_listener_ ABSL_GUARDED_BY(listeners_mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_JOURNAL_INTAKE_H_
