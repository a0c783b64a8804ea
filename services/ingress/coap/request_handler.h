#ifndef SLUICE_SERVICES_INGRESS_COAP_REQUEST_HANDLER_H_
#define SLUICE_SERVICES_INGRESS_COAP_REQUEST_HANDLER_H_

#include <cstdint>

#include "libs/clock/clock.h"
#include "services/ingress/coap/block_reassembly.h"
#include "services/ingress/coap/coap_message.h"
#include "services/ingress/coap/message_dedup.h"
#include "services/ingress/coap/resource_path.h"
#include "services/ingress/intake/intake.h"

namespace sluice::ingress {

// What a CoAP request means: finds the resource, recognises what was sent before, puts blocks
// together, hands messages to the intake, and says what the sender is told and when. Not
// thread-safe.
class CoapRequestHandler {
 public:
  struct Options {
    MessageDedup::Options dedup;
    BlockReassembly::Options reassembly;
    // What 5.03 and, for want of room, 4.29 tell the sender to wait before it tries again.
    uint32_t retry_after_seconds = 5;
  };

  struct Outcome {
    enum class Action {
      kAnswer,       // send `answer` now
      kPend,         // send `answer` once `receipt` is durable, then call OnAnswered
      kAcknowledge,  // send an empty acknowledgement: the answer is still to come
      kIgnore,       // send nothing
    };
    Action action = Action::kAnswer;
    CoapAnswer answer;
    Receipt receipt;
  };

  struct Stats {
    int64_t requests = 0;  // all of them
    int64_t taken = 0;     // messages handed to the intake
    int64_t shed = 0;      // refused for want of room: 4.29, NON nothing
  };

  // `intake` and `clock` outlive it.
  CoapRequestHandler(const Options& options, Intake* intake, const Clock* clock);

  // `has_room`: whether one more answer may pend. If not, messages are refused before they are
  // taken: CON with 4.29, NON in silence. So are those of devices that send more than they may.
  Outcome Handle(const CoapRequest& request, bool has_room);

  // What was done about a request whose outcome was kPend.
  void OnAcknowledged(const CoapMessageKey& key) { dedup_.SetAcknowledged(key); }
  void OnAnswered(const CoapMessageKey& key, const CoapAnswer& answer) {
    dedup_.SetAnswered(key, answer);
  }

  const Stats& stats() const { return stats_; }
  const MessageDedup::Stats& dedup_stats() const { return dedup_.stats(); }
  const BlockReassembly::Stats& reassembly_stats() const { return reassembly_.stats(); }

 private:
  Outcome HandleMessage(const CoapRequest& request, const CoapResource& resource, bool has_room);
  Outcome HandleBlock(const CoapRequest& request, const CoapResource& resource, bool has_room);
  Outcome Shed();
  Outcome Take(const CoapRequest& request, const CoapResource& resource, absl::string_view payload,
               int64_t payload_size_bytes);
  CoapAnswer AnswerOf(const Verdict& verdict) const;

  const Options options_;
  Intake* const intake_;
  const Clock* const clock_;
  MessageDedup dedup_;
  BlockReassembly reassembly_;
  Stats stats_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_REQUEST_HANDLER_H_
