#ifndef SLUICE_TOOLS_FLEETSIM_SOCKET_ADDRESS_H_
#define SLUICE_TOOLS_FLEETSIM_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::fleetsim {

// Where devices connect to.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // 127.0.0.0/8.
  bool IsIpv4Loopback() const;
};

// Looks `HOST:PORT` up (`[::1]:1883` for IPv6). INVALID_ARGUMENT: not of that form; UNAVAILABLE: no
// such host.
absl::StatusOr<SocketAddress> ResolveAddress(absl::string_view host_port);

// A non-blocking socket towards `to`; connecting may still go on. With `source_number` ≥ 0 it is
// bound to an address of 127.0.0.0/8 of its own, which `to` must be in.
absl::StatusOr<int> OpenSocket(int type, const SocketAddress& to, int source_number);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_SOCKET_ADDRESS_H_
