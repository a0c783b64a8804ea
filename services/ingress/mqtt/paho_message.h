#ifndef SLUICE_SERVICES_INGRESS_MQTT_PAHO_MESSAGE_H_
#define SLUICE_SERVICES_INGRESS_MQTT_PAHO_MESSAGE_H_

#include <mqtt/connect_options.h>
#include <mqtt/message.h>
#include <mqtt/token.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ingress/mqtt/publish.h"

// Our terms in those of the client library, and back. Its exceptions pass.
namespace sluice::ingress {

// The library's number for 5 and 3 (3.1.1).
int PahoVersion(int protocol_version);

struct PahoConnect {
  int protocol_version;
  absl::Duration keep_alive;
  absl::Duration session_expiry;
  std::string username;
  std::string password;
  absl::Duration connect_timeout;
  int max_in_flight;
};

// For a session that outlives connections.
mqtt::connect_options MakeConnectOptions(const PahoConnect& connect);

// INVALID_ARGUMENT for what a broker or the library would refuse whenever it is tried.
absl::Status CheckPublication(const Publication& publication);
mqtt::message_ptr MakePahoMessage(const Publication& publication, int protocol_version);

// Views into the message.
absl::string_view ContentType(const mqtt::message& message);
absl::string_view ResponseTopic(const mqtt::message& message);
absl::string_view CorrelationData(const mqtt::message& message);
absl::string_view UserProperty(const mqtt::message& message, absl::string_view name);

// Why a token failed.
absl::Status FailureOf(const mqtt::token& token);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_PAHO_MESSAGE_H_
