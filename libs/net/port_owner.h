#ifndef SLUICE_LIBS_NET_PORT_OWNER_H_
#define SLUICE_LIBS_NET_PORT_OWNER_H_

#include <string>

namespace sluice {

enum class Transport { kTcp, kUdp };

// Who has a local port open, e.g. `mosquitto (pid 412)`; empty if that cannot be known (another
// user's process, another network namespace). Reads /proc.
std::string PortOwner(int port, Transport transport);

}  // namespace sluice

#endif  // SLUICE_LIBS_NET_PORT_OWNER_H_
