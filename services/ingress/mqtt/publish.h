#ifndef SLUICE_SERVICES_INGRESS_MQTT_PUBLISH_H_
#define SLUICE_SERVICES_INGRESS_MQTT_PUBLISH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "services/ingress/intake/inbound_message.h"
#include "services/ingress/intake/intake.h"

namespace sluice::ingress {

// What a session asks the broker for.
struct Subscription {
  std::string filter = {};
  // 0 or 1: a message published with more comes with this one.
  int qos = 1;
  // Whether the broker shows retained messages at each connect. 3.1.1 always does.
  bool send_retained = false;
  // Without it the session is of no use. Else a broker may refuse it.
  bool required = true;
};

// What a session asks for at a connect.
struct Wishes {
  std::vector<Subscription> subscriptions = {};
  // Filters of subscriptions that the broker may have kept from an earlier connection, and that are
  // to end. What it has queued by them already still comes.
  std::vector<std::string> unsubscriptions = {};
};

// A message that the broker delivered, or that its plugin took in. The views live as long as the
// call they are passed to.
struct InboundPublish {
  absl::string_view topic;
  absl::string_view payload;
  // 0, 1 or 2, as it came from the broker.
  int qos = 0;
  // The broker kept it and shows it because of our SUBSCRIBE.
  bool retained = false;
  // The broker may have delivered it before.
  bool duplicate = false;
  // MQTT 5, else empty.
  absl::string_view content_type = {};
  // The MQTT 5 user property `id`; empty if there is none.
  absl::string_view message_id = {};
  // MQTT 5: where the sender wants to learn what became of the message, and what is to come along.
  absl::string_view response_topic = {};
  absl::string_view correlation_data = {};
  // One of them was too large, and both are left out.
  bool reply_left_out = false;
  // By the broker's plugin alone: when the broker got it, who sent it, how large the payload was
  // before it was cut, and where it stood in the ring.
  absl::optional<Moment> received = {};
  absl::string_view client_id = {};
  absl::string_view username = {};
  absl::optional<int64_t> payload_size = {};
  absl::optional<RingPosition> ring = {};
};

// What became of an InboundPublish.
enum class Outcome {
  // Done with, for good or ill: it may be acknowledged.
  kTaken,
  // Not now: it must not be acknowledged; the broker is to deliver it again.
  kNotNow,
};

// What became of it, in full.
struct Taken {
  Outcome outcome = Outcome::kTaken;
  // Where it is written down.
  Receipt receipt = {};
  // It was refused, for good: a dead letter.
  bool refused = false;
};

// A message for the broker.
struct Publication {
  // Without wildcards, at most 1,024 bytes.
  std::string topic;
  // At most 64 KiB.
  std::string payload = {};
  int qos = 0;
  bool retain = false;
  // MQTT 5 properties, left out if empty or zero, and always under 3.1.1.
  std::string content_type = {};
  std::string response_topic = {};
  std::string correlation_data = {};
  absl::Duration message_expiry = absl::ZeroDuration();
};

// Where messages for devices go out: to one broker, or to the right one of several. Thread-safe.
class Publisher {
 public:
  virtual ~Publisher() = default;

  // Takes the publication over and never waits for the network. If it returns OK, `done` is called
  // exactly once, on another thread, with no lock held: OK when the broker has it (QoS 0: written
  // to the socket, 1: PUBACK, 2: PUBCOMP); PERMISSION_DENIED or FAILED_PRECONDITION if the broker
  // refused it; UNAVAILABLE or ABORTED if the connection or session ended first: it may or may not
  // have arrived. Else `done` is dropped: UNAVAILABLE (no connection now), RESOURCE_EXHAUSTED (too
  // many wait already), INVALID_ARGUMENT (it can never be published).
  virtual absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_PUBLISH_H_
