#include "tools/fleetsim/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

// The first address given to a device: 127.1.0.1. Each /24 gives 254.
constexpr uint32_t kFirstSource = (127u << 24) | (1u << 16);

absl::Status BindSource(int fd, int source_number) {
  const int one = 1;
  // The port is chosen at connect, where ports of different addresses do not compete.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
  sockaddr_in source{};
  source.sin_family = AF_INET;
  const uint32_t number = static_cast<uint32_t>(source_number);
  source.sin_addr.s_addr = htonl(kFirstSource + (number / 254 << 8) + number % 254 + 1);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
    return absl::ErrnoToStatus(errno, "bind");
  }
  return absl::OkStatus();
}

}  // namespace

bool SocketAddress::IsIpv4Loopback() const {
  if (storage.ss_family != AF_INET) return false;
  const auto* address = reinterpret_cast<const sockaddr_in*>(&storage);
  return (ntohl(address->sin_addr.s_addr) >> 24) == 127;
}

absl::StatusOr<SocketAddress> ResolveAddress(absl::string_view host_port) {
  const size_t colon = host_port.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(host_port.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("'", host_port, "' is not HOST:PORT"));
  }
  absl::string_view host = host_port.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(std::string(host).c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("host ", host, ": ", gai_strerror(error)));
  }
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

absl::StatusOr<int> OpenSocket(int type, const SocketAddress& to, int source_number) {
  const int fd = socket(to.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  if (type == SOCK_STREAM) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }
  absl::Status status;
  if (source_number >= 0) status = BindSource(fd, source_number);
  if (status.ok() && connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 &&
      errno != EINPROGRESS) {
    status = absl::ErrnoToStatus(errno, "connect");
  }
  if (status.ok()) return fd;
  close(fd);
  return status;
}

}  // namespace sluice::fleetsim
