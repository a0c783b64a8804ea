#ifndef SLUICE_SERVICES_INGRESS_MQTT_MQTT_SESSION_H_
#define SLUICE_SERVICES_INGRESS_MQTT_MQTT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ingress/mqtt/publish.h"

namespace sluice::ingress {

// One persistent session with one broker: connects for ever, subscribes at every connect, hands on
// what arrives and publishes. The broker keeps the session, and queues for it, while we are away.
//
// Create → Start → … → Stop → destroyed. A thread of its own makes every call to the broker;
// messages arrive on the one receive thread that all sessions of the process share.
class MqttSession final : public Publisher {
 public:
  struct Options {
    // `tcp://HOST:PORT`; the port is 1883 if left out.
    std::string broker;
    // Names the session at the broker: keep it over restarts, give it to nobody else. Not empty.
    std::string client_id;
    // 5, or 3 for 3.1.1.
    int protocol_version = 5;
    // 1 s to 18 h. Longer notices a dead broker later.
    absl::Duration keep_alive = absl::Seconds(30);
    // How long the broker keeps the session while we are away. 3.1.1: the broker decides.
    absl::Duration session_expiry = absl::Hours(7 * 24);
    // Empty: none.
    std::string username;
    std::string password;
    // How long one try to connect may take, at least 1 s. Stop may wait that long.
    absl::Duration connect_timeout = absl::Seconds(5);
    // Publishes handed to the broker and not yet acknowledged, 1 to 1,000. Brokers that announce
    // less get less.
    int max_in_flight = 20;
    // Publishes that wait for their turn behind those, and their bytes: one more is refused.
    size_t max_queued = 1000;
    int64_t max_queued_bytes = 4 << 20;
    // How long a message that the handler does not take now is offered again before the connection
    // is cut. All input and output of the process's sessions stands still meanwhile.
    absl::Duration hold_limit = absl::Milliseconds(500);
    // Asked before each try to connect, and every second until it is OK: the session stays away as
    // long as nothing could be taken, and the broker queues. Must not call back. Default: OK.
    std::function<absl::Status()> ready;
    // How long Stop waits for what is still to be published.
    absl::Duration drain_timeout = absl::Seconds(2);
  };

  struct Stats {
    bool connected = false;
    // Connections made and subscribed, the first included.
    int64_t connects = 0;
    // Connections after which the broker knew nothing of a session that it had before.
    int64_t sessions_lost = 0;
    // Messages handed to the handler, offers of the same message counted once.
    int64_t received = 0;
    // Times that the connection was cut because the handler took nothing.
    int64_t held_back = 0;
    // QoS 0 messages that the handler did not take: they are gone.
    int64_t dropped_qos0 = 0;
    // Publishes that wait for their turn, and those handed to the broker and not acknowledged.
    int64_t queued = 0;
    int64_t in_flight = 0;
    // Publishes completed, failed after they were accepted, and refused.
    int64_t published = 0;
    int64_t publish_failures = 0;
    int64_t publish_refusals = 0;
  };

  // Called for each message, one at a time, on the receive thread: quick, no network, no call into
  // the session but Publish. Its return lets the acknowledgement go out. On kNotNow it is called
  // again with the same message, for hold_limit; then the connection is cut without acknowledging
  // it, and the broker delivers it again, in order, after the next connect. No exception leaves it.
  using Handler = std::function<Outcome(const InboundPublish&)>;

  // INVALID_ARGUMENT names the option that is wrong. Does nothing yet.
  static absl::StatusOr<std::unique_ptr<MqttSession>> Create(Options options);

  // Stops.
  ~MqttSession() override;

  // Begins to connect; a broker that is not there is tried for ever. Once. `wishes` is called at
  // each connect, on the session's thread.
  void Start(std::function<Wishes()> wishes, Handler handler);
  // The same subscriptions at each connect.
  void Start(std::vector<Subscription> subscriptions, Handler handler);

  // Waits until the session is connected and subscribed; returns whether it is.
  bool AwaitConnected(absl::Duration timeout) const;

  // Publishes what waits as long as drain_timeout allows, disconnects so that the broker keeps the
  // session, completes every publish, and joins: neither handler nor completions run after it. A
  // message that the handler has not taken yet stays at the broker. Idempotent.
  void Stop();

  // Publishes with QoS 1 and 2 that the broker has not acknowledged survive a reconnect, and
  // complete after it, if the broker still knows the session; else they fail with ABORTED.
  absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) override;

  Stats stats() const;

 private:
  // Everything that knows the client library.
  class Link;

  explicit MqttSession(std::unique_ptr<Link> link);

  std::unique_ptr<Link> link_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_MQTT_SESSION_H_
