#ifndef SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_
#define SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_

#include <sys/socket.h>

#include "absl/status/statusor.h"
#include "libs/net/listen_address.h"

namespace sluice::ingress {

// Holds a UDP port that nobody else has, until somebody who sets SO_REUSEADDR has bound it too:
// such a bind alone would succeed, and take the datagrams away, while another process serves the
// port.
class ClaimedUdpPort {
 public:
  // UNAVAILABLE names who has the port, where that can be known, or why it cannot be bound.
  static absl::StatusOr<ClaimedUdpPort> Claim(const ListenAddress& address);

  ClaimedUdpPort(ClaimedUdpPort&& other) noexcept;
  ClaimedUdpPort& operator=(ClaimedUdpPort&&) = delete;
  ~ClaimedUdpPort();

  // The address with the port that it got.
  const ListenAddress& address() const { return address_; }
  const sockaddr_storage& socket_address() const { return socket_address_; }
  socklen_t socket_address_size() const { return size_; }

 private:
  ClaimedUdpPort() = default;

  int socket_ = -1;
  ListenAddress address_;
  sockaddr_storage socket_address_{};
  socklen_t size_ = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_
