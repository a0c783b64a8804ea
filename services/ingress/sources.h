#ifndef SLUICE_SERVICES_INGRESS_SOURCES_H_
#define SLUICE_SERVICES_INGRESS_SOURCES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_server.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/intake/memory_budget.h"
#include "services/ingress/intake/ring_marks.h"
#include "services/ingress/mqtt/routed_publisher.h"
#include "services/ingress/mqtt_broker.h"
#include "services/ingress/ring/unknown_topics.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

// The ways in that devices use, as far as the settings enable them. They hand everything to the
// intake. Thread-safe.
class Sources {
 public:
  // Told of each acknowledgement how long after the message's arrival it went. Thread-safe, quick.
  using OnAcknowledged = std::function<void(v1::Protocol protocol, absl::Duration took)>;

  // What they work with; all of it outlives the sources.
  struct Parts {
    Intake* intake;
    MemoryBudget* budget;
    UnknownTopics* unknown_topics;
    const Clock* clock;
    // How far the journals have the rings of brokers, from before the start.
    RingMarks marks;
    OnAcknowledged on_acknowledged;
  };

  // How it stands with an MQTT broker.
  struct BrokerState {
    std::string address;
    bool connected = false;
    int64_t receipts_sent = 0;
    absl::optional<RingSource::Stats> ring;
  };

  // Takes messages in from now on. A CoAP port that is taken, or a password file that cannot be
  // read, is an error; brokers that are not there are waited for 2 s and then tried for ever.
  static absl::StatusOr<std::unique_ptr<Sources>> Start(const config::v1::IngressConfig& config,
                                                        const Parts& parts);
  ~Sources();  // stops

  // Takes nothing in any more; what was taken is answered once it is on disk, for 2 s at most, and
  // a broker that does not answer is waited for, for 8 s at most. May be called again.
  void Stop();

  // Addresses that devices reach, by name.
  std::map<std::string, std::string> Endpoints() const;
  // What reached no log, and notices that reached no device, since the start, by reason.
  std::map<std::string, int64_t> Dropped() const;
  // In the order of the settings.
  std::vector<BrokerState> Brokers() const;
  // What CoAP recognised as sent before; all 0 if it is not enabled.
  MessageDedup::Stats CoapDedup() const;
  // What speaks to MQTT devices; nullptr if MQTT is not enabled. Lives as long as this.
  Publisher* mqtt_publisher() const { return publisher_.get(); }

 private:
  Sources() = default;

  absl::Status CreateBrokers(const config::v1::IngressConfig& config, const Parts& parts);
  void StartBrokers(const Clock& clock);

  std::unique_ptr<CoapServer> coap_;
  std::unique_ptr<RoutedPublisher> publisher_;  // speaks through the brokers, which tell it
  std::vector<std::unique_ptr<MqttBroker>> brokers_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_SOURCES_H_
