#ifndef SLUICE_SERVICES_INGRESS_SOURCES_H_
#define SLUICE_SERVICES_INGRESS_SOURCES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_server.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/mqtt/mqtt_session.h"
#include "services/ingress/mqtt/mqtt_source.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

// The ways in that devices use, as far as the settings enable them. They hand everything to the
// intake. Thread-safe.
class Sources {
 public:
  // Told of each acknowledgement how long after the message's arrival it went. Thread-safe, quick.
  using OnAcknowledged = std::function<void(v1::Protocol protocol, absl::Duration took)>;

  // Takes messages in from now on. A CoAP port that is taken, or a password file that cannot be
  // read, is an error; a broker that is not there is waited for 2 s and then tried for ever.
  // `intake` and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<Sources>> Start(const config::v1::IngressConfig& config,
                                                        Intake* intake, const Clock* clock,
                                                        OnAcknowledged on_acknowledged);
  ~Sources();  // stops

  // Takes nothing in any more; what was taken is answered once it is on disk, for 2 s at most. May
  // be called again.
  void Stop();

  // Addresses that devices reach, by name.
  std::map<std::string, std::string> Endpoints() const;
  // What reached no log, and notices that reached no device, since the start, by reason.
  std::map<std::string, int64_t> Dropped() const;
  bool mqtt_connected() const;
  // What speaks to MQTT devices; nullptr if MQTT is not enabled. Lives as long as this.
  Publisher* mqtt_publisher() const { return mqtt_session_.get(); }

 private:
  Sources() = default;

  absl::Status StartMqtt(const config::v1::IngressConfig& config, Intake* intake,
                         const Clock* clock, OnAcknowledged on_acknowledged);

  std::unique_ptr<CoapServer> coap_;
  std::unique_ptr<MqttSession> mqtt_session_;
  std::unique_ptr<MqttSource> mqtt_source_;  // speaks through the session, which calls it
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_SOURCES_H_
