#ifndef SLUICE_SERVICES_INGRESS_MQTT_BROKER_SOCKET_H_
#define SLUICE_SERVICES_INGRESS_MQTT_BROKER_SOCKET_H_

#include <cstdint>

namespace sluice::ingress {

// Shuts down, without closing them, every connection of this process to a peer with that TCP port;
// returns how many there were. For a client library that gives no access to its socket.
int ShutDownConnectionsTo(uint16_t peer_port);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_BROKER_SOCKET_H_
