#ifndef SLUICE_SERVICES_INGRESS_MQTT_BROKER_H_
#define SLUICE_SERVICES_INGRESS_MQTT_BROKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/intake/ring_marks.h"
#include "services/ingress/mqtt/mqtt_session.h"
#include "services/ingress/mqtt/mqtt_source.h"
#include "services/ingress/mqtt/receipts.h"
#include "services/ingress/ring/ring_source.h"
#include "services/ingress/ring/unknown_topics.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

// One MQTT broker: a session by which all that Sluice says goes out, and statuses (and Wills) come
// in. Telemetry and command responses come by that session, too (`source: paho`), or by the ring
// that our plugin in the broker fills (`source: plugin`).
//
// At a change of source nothing is lost, if broker and ingress are started anew in the order of
// docs/mqtt.md: with `plugin`, what the broker had queued for the session
// is taken, and telemetry is subscribed to as long as no plugin has the ring; with `paho`, a ring
// that is there is drained. What is under way at that moment may come twice.
class MqttBroker {
 public:
  // What it works with; all of it outlives the broker.
  struct Parts {
    Intake* intake;
    UnknownTopics* unknown_topics;
    const Clock* clock;
    // How far the journals have rings, from before the start.
    RingMarks marks;
    // Told of each message that was taken in. Thread-safe, quick.
    std::function<void(const InboundPublish&)> on_taken;
    // Told how long a message that came by the session took to be written down.
    std::function<void(absl::Duration)> on_acknowledged;
  };

  // `settings` are valid and complete. Does nothing yet. A password file that cannot be read is
  // an error, which names `field` of the settings.
  static absl::StatusOr<std::unique_ptr<MqttBroker>> Create(const config::v1::MqttBroker& settings,
                                                            const std::string& field,
                                                            const std::string& instance_id,
                                                            Parts parts);
  ~MqttBroker();  // stops

  // Takes messages in from now on, and tries for ever to connect.
  void Start();
  bool AwaitConnected(absl::Duration timeout) const { return session_->AwaitConnected(timeout); }
  // Idempotent.
  void Stop();

  Publisher* publisher() const { return session_.get(); }
  const std::string& address() const { return settings_.address(); }
  bool connected() const { return session_->stats().connected; }
  // Adds what reached no log, and notices and answers that reached no device, by reason.
  void CountDropped(std::map<std::string, int64_t>* dropped) const;
  // Answers that the broker has: receipts, and errors in their place.
  int64_t receipts_sent() const;
  // Nothing while there is no ring to read.
  absl::optional<RingSource::Stats> ring() const;

 private:
  MqttBroker(const config::v1::MqttBroker& settings, Parts parts,
             std::unique_ptr<MqttSession> session);

  MqttSource::Options SourceOptions() const;
  // What the session subscribes to now.
  Wishes WishesNow() const;

  const config::v1::MqttBroker settings_;
  const Parts parts_;
  const std::unique_ptr<MqttSession> session_;
  // None where the session speaks 3.1.1, which has no place for Correlation Data.
  const std::unique_ptr<Receipts> receipts_;
  MqttSource source_;
  std::unique_ptr<RingSource> ring_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_BROKER_H_
