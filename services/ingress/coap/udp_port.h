#ifndef SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_
#define SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_

#include <sys/socket.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "libs/net/listen_address.h"

namespace sluice::ingress {

// Holds a UDP port that nobody else has, until somebody who sets SO_REUSEADDR has bound it too:
// such a bind alone would succeed, and take the datagrams away, while another process serves the
// port.
class ClaimedUdpPort {
 public:
  // ALREADY_EXISTS names who has the port, where that can be known, or why it cannot be bound.
  static absl::StatusOr<ClaimedUdpPort> Claim(const ListenAddress& address);

  ClaimedUdpPort(ClaimedUdpPort&& other) noexcept;
  ClaimedUdpPort& operator=(ClaimedUdpPort&&) = delete;
  ~ClaimedUdpPort();

  // Asks for room for so many bytes in the receive buffer of every socket of this process on the
  // port, and gets as much of it as the system allows (net.core.rmem_max, unless one may exceed
  // it). For a library that shows nobody its socket.
  void EnlargeReceiveBuffers(int bytes) const;

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

// Datagrams that the system has dropped since the sockets of this process on this port were opened,
// for want of room in their receive buffers (or of checksums that fit); 0 if that cannot be known.
// Asks them, not /proc/net/udp, which takes the longer the more sockets the machine has.
int64_t DroppedDatagrams(int port);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_
