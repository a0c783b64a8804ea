#ifndef SLUICE_SERVICES_INGRESS_COAP_MESSAGE_DEDUP_H_
#define SLUICE_SERVICES_INGRESS_COAP_MESSAGE_DEDUP_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_message.h"

namespace sluice::ingress {

// Remembers messages and what they were answered, so that one sent again has no second effect and
// gets the same answer (RFC 7252, 4.2 and 4.5). Bounded in time and memory: when it is full the
// oldest goes, and that message sent again would be taken again (it is only then that at-least-once
// shows). Not thread-safe.
class MessageDedup {
 public:
  struct Options {
    // About 50,000 messages; answers that are more than a code count with their size.
    size_t max_bytes = 8 << 20;
    // EXCHANGE_LIFETIME: for so long a sender may send the same message again.
    absl::Duration lifetime = absl::Seconds(247);
  };

  struct Stats {
    int64_t duplicates = 0;
    int64_t evicted = 0;   // for want of room
    int64_t messages = 0;  // remembered now
    int64_t bytes = 0;     // held now, counted generously
  };

  enum class State {
    kNew,           // not seen before; it is remembered now, and pending
    kPending,       // being worked on: its answer is still to come
    kAcknowledged,  // like kPending, and the sender has had an empty acknowledgement
    kAnswered,      // answered
  };

  MessageDedup(const Options& options, const Clock* clock) : options_(options), clock_(clock) {}

  // `answer` is set if the state is kAnswered.
  State Admit(const CoapMessageKey& key, CoapAnswer* answer);

  // What became of a pending message. Without effect if it has been forgotten meanwhile.
  void SetAcknowledged(const CoapMessageKey& key);
  void SetAnswered(const CoapMessageKey& key, const CoapAnswer& answer);
  // A pending message had no effect: sent again it is new.
  void Forget(const CoapMessageKey& key);

  const Stats& stats() const { return stats_; }

 private:
  struct Entry {
    CoapMessageKey key;
    absl::Duration seen;
    State state = State::kPending;
    CoapCode code = CoapCode::kInternalError;
    std::unique_ptr<CoapAnswer> answer;  // if it is more than its code
  };

  Entry* Find(const CoapMessageKey& key);
  void DropOldest();

  const Options options_;
  const Clock* const clock_;
  // In the order seen; the first one's number is first_. A forgotten one stays until its turn
  // comes.
  std::deque<Entry> entries_;
  uint64_t first_ = 0;
  absl::flat_hash_map<CoapMessageKey, uint64_t> numbers_;
  Stats stats_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_MESSAGE_DEDUP_H_
