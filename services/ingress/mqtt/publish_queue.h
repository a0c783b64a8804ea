#ifndef SLUICE_SERVICES_INGRESS_MQTT_PUBLISH_QUEUE_H_
#define SLUICE_SERVICES_INGRESS_MQTT_PUBLISH_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "services/ingress/mqtt/publish.h"

namespace sluice::ingress {

// The publishes of a session, from their acceptance to the call of their completion:
//   Add → queued → TakeNext → in flight → End → TakeEnded.
// Every publish that Add accepted is handed out by TakeEnded once. Not thread-safe; calls no
// completion itself.
class PublishQueue {
 public:
  using Done = std::function<void(absl::Status)>;

  struct Options {
    // Publishes in flight at most.
    size_t max_in_flight = 20;
    // Publishes queued at most, and the bytes of their topics and payloads: one more is refused.
    size_t max_queued = 1000;
    int64_t max_queued_bytes = 4 << 20;
  };

  struct Stats {
    int64_t queued = 0;
    int64_t in_flight = 0;
    // Since the start: ended well, ended otherwise, not accepted.
    int64_t published = 0;
    int64_t failures = 0;
    int64_t refusals = 0;
  };

  struct Next {
    int64_t id = 0;  // names it to End; not used again
    Publication publication;
  };

  struct Ended {
    Done done;
    absl::Status status;
  };

  explicit PublishQueue(const Options& options) : options_(options) {}

  // RESOURCE_EXHAUSTED: too many are queued.
  absl::Status Add(Publication publication, Done done);
  // Counts a publish that was refused elsewhere.
  void CountRefusal() { ++refusals_; }

  // Whether one is queued and may be in flight.
  bool HasNext() const { return !queue_.empty() && in_flight_.size() < options_.max_in_flight; }
  // Its turn comes in this connection. Only if HasNext.
  Next TakeNext(int64_t connection);

  // An id that is not in flight (any more) has no effect.
  void End(int64_t id, absl::Status status);
  void EndQueued(const absl::Status& status);
  // Ends what was handed over in connections before this one.
  void EndInFlight(int64_t before_connection, const absl::Status& status);

  bool has_in_flight() const { return !in_flight_.empty(); }
  bool has_ended() const { return !ended_.empty(); }
  // Those that have ended since the last call, in the order they did.
  std::vector<Ended> TakeEnded();

  Stats stats() const;

 private:
  struct Queued {
    Publication publication;
    Done done;
  };
  struct InFlight {
    Done done;
    int64_t connection;
  };

  void Finish(Done done, absl::Status status);

  const Options options_;
  std::deque<Queued> queue_;
  int64_t queued_bytes_ = 0;
  int64_t last_id_ = 0;
  absl::flat_hash_map<int64_t, InFlight> in_flight_;
  std::vector<Ended> ended_;
  int64_t published_ = 0;
  int64_t failures_ = 0;
  int64_t refusals_ = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_PUBLISH_QUEUE_H_
