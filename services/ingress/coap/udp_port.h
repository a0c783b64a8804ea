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

  // The socket of this process that joined the port after it was claimed, of a library that shows
  // nobody its socket; -1 if there is none.
  int FindJoined() const;

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

// Asks for room for so many bytes in the socket's receive buffer, and gets as much of it as the
// system allows (net.core.rmem_max, unless one may exceed it).
void EnlargeReceiveBuffer(int socket, int bytes);

// Datagrams that the system has dropped since the socket was opened, for want of room in its
// receive buffer (or of checksums that fit); counted modulo 2^32. 0 if that cannot be known.
int64_t DroppedDatagrams(int socket);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_UDP_PORT_H_
