#ifndef SLUICE_TOOLS_FLEETSIM_COAP_ENDPOINT_H_
#define SLUICE_TOOLS_FLEETSIM_COAP_ENDPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/fleetsim/coap_codec.h"

namespace sluice::fleetsim {

struct CoapEndpointOptions {
  bool confirmable = true;
  // Requests that may wait for their answer at once (NSTART), 1 to 1,000.
  int inflight = 1;
  // RFC 7252, 4.8: the first retransmission comes after 1 to 1.5 times this, each later one after
  // twice the time.
  int64_t ack_timeout_us = 2'000'000;
  int max_retransmit = 4;
  int content_format = 50;
};

// One device's side of CoAP, without its socket: POSTs telemetry, retransmits what is confirmable
// until it is acknowledged, matches answers. Not thread-safe.
class CoapEndpoint {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void SendDatagram(absl::string_view datagram) = 0;
    // Writes the payload of the message `number`: the same each time.
    virtual void AppendPayload(int64_t number, std::string* out) = 0;
    // A 2.xx answer to a confirmable message.
    virtual void OnAcknowledged(int64_t number) = 0;
    // Any other answer, a reset, or none at all.
    virtual void OnRefused(int64_t number, absl::string_view kind) = 0;
    // There is room for another message.
    virtual void OnRoom() = 0;
    // Counted by kind.
    virtual void OnError(absl::string_view kind) = 0;
  };

  // Ids and tokens begin at what `seed` says. `options` and `listener` outlive it.
  CoapEndpoint(absl::string_view device_id, uint64_t seed, const CoapEndpointOptions* options,
               Listener* listener);

  // Whether a message may be posted now: there is room, and the gateway did not ask to wait.
  bool CanPost(int64_t now_us) const;
  // Posts the message `number`; CanPost must hold.
  void Post(int64_t number, int64_t now_us);
  // Takes in a datagram that came.
  void Receive(absl::string_view datagram, int64_t now_us);
  // Sends again what is due; to be called several times a second.
  void Tick(int64_t now_us);

  // Confirmable messages that wait for their answer.
  int unacknowledged() const;
  int64_t retransmissions() const { return retransmissions_; }

 private:
  enum class State : uint8_t { kFree, kSent, kAnswerPromised };
  struct Exchange {
    int64_t number = 0;
    // kSent: when to send again; kAnswerPromised: when to give up.
    int64_t due_us = 0;
    int64_t timeout_us = 0;
    uint32_t token = 0;
    uint16_t message_id = 0;
    uint8_t retransmits = 0;
    State state = State::kFree;
  };

  void Transmit(const Exchange& exchange);
  void Answer(Exchange* exchange, const CoapMessage& message, int64_t now_us);
  void End(Exchange* exchange);
  Exchange* FindByToken(absl::string_view token);
  Exchange* FindByMessageId(uint16_t message_id);
  uint64_t Random();

  const std::string device_id_;
  const CoapEndpointOptions* const options_;
  Listener* const listener_;
  uint64_t random_;
  uint16_t next_message_id_;
  uint32_t next_token_;
  std::vector<Exchange> exchanges_;
  int in_use_ = 0;
  // The gateway asked for silence until then (5.03 or 4.29 with Max-Age).
  int64_t silent_until_us_ = 0;
  int64_t retransmissions_ = 0;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_COAP_ENDPOINT_H_
