#ifndef SLUICE_SERVICES_INGRESS_COAP_PENDING_ANSWERS_H_
#define SLUICE_SERVICES_INGRESS_COAP_PENDING_ANSWERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_message.h"
#include "services/ingress/intake/intake.h"

struct coap_session_t;

namespace sluice::ingress {

// An answer that is known, to a request whose message is not on disk yet.
struct PendingAnswer {
  CoapMessageKey key;
  bool confirmable = false;
  std::string token;
  uint8_t no_response = 0;  // RFC 7967; 0: every answer is wanted
  CoapAnswer answer;
  Receipt receipt;
  CoapLocalAddress local;  // where the request arrived
  // Of a CON for which a session is kept: referenced by whoever queues the answer, untouched here.
  coap_session_t* session = nullptr;
  // The sender has had an empty acknowledgement, so the answer is a message of its own: sent until
  // it is acknowledged (CON) if there is a session, else once (NON).
  bool acknowledged = false;
  absl::Duration since;  // set by Push
};

// The answers that wait for the disk. Bounded: when it is full nothing more is taken in; messages
// that nobody waits for (NON) are refused first, at three quarters. Not thread-safe.
class PendingAnswers {
 public:
  struct Options {
    size_t max_answers = 16'384;
    // After so long the sender of a CON gets an empty acknowledgement, before it sends again (after
    // 2 s at the earliest, RFC 7252, 4.8).
    absl::Duration acknowledge_after = absl::Seconds(1);
  };

  PendingAnswers(const Options& options, const Clock* clock) : options_(options), clock_(clock) {}

  bool HasRoom(bool confirmable) const;
  size_t size() const { return size_; }

  // Receipts of one log come in the order of their offsets; an older one, as a duplicate has, waits
  // with those before it.
  void Push(PendingAnswer answer);

  // Hands over, and forgets, those whose receipts are durable, `max_answers` at most; of one log in
  // the order they came. Whether it stopped at the limit.
  bool PopDurable(const Intake& intake, size_t max_answers,
                  absl::FunctionRef<void(PendingAnswer&)> send);

  // Hands over every CON that has waited too long, once each, and marks it acknowledged.
  void AcknowledgeOverdue(absl::FunctionRef<void(PendingAnswer&)> acknowledge);
  // When AcknowledgeOverdue has something to do next, from now; InfiniteDuration: not by itself.
  absl::Duration UntilOverdue() const;

  // How long the one that came first has waited; zero if there is none.
  absl::Duration LongestWait() const;

  // Hands over all that is left.
  void PopAll(absl::FunctionRef<void(PendingAnswer&)> abandon);

 private:
  struct Lane {
    std::deque<PendingAnswer> answers;
    // The first so many have been looked at by AcknowledgeOverdue.
    size_t acknowledged = 0;
  };

  const Options options_;
  const Clock* const clock_;
  // One for each Receipt::Log.
  std::array<Lane, 4> lanes_;
  size_t size_ = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_PENDING_ANSWERS_H_
