#include "services/ingress/coap/udp_port.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/net/port_owner.h"

namespace sluice::ingress {
namespace {

absl::Status CannotListen(const ListenAddress& address, int error) {
  std::string why = std::strerror(error);
  if (error == EADDRINUSE) {
    const std::string owner = PortOwner(address.port, Transport::kUdp);
    why = absl::StrCat("the port is in use", owner.empty() ? "" : " by ", owner);
  }
  return absl::AlreadyExistsError(
      absl::StrCat("cannot listen on udp ", address.ToString(), ": ", why));
}

}  // namespace

absl::StatusOr<ClaimedUdpPort> ClaimedUdpPort::Claim(const ListenAddress& address) {
  ClaimedUdpPort claimed;
  claimed.address_ = address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&claimed.socket_address_);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&claimed.socket_address_);
  claimed.socket_address_.ss_family = address.is_ipv6 ? AF_INET6 : AF_INET;
  claimed.size_ = address.is_ipv6 ? sizeof(*v6) : sizeof(*v4);
  // The port is in the same place in both.
  v4->sin_port = htons(static_cast<uint16_t>(address.port));
  void* ip = address.is_ipv6 ? static_cast<void*>(&v6->sin6_addr) : &v4->sin_addr;
  auto* generic = reinterpret_cast<sockaddr*>(&claimed.socket_address_);

  claimed.socket_ = socket(claimed.socket_address_.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (claimed.socket_ < 0 ||
      inet_pton(claimed.socket_address_.ss_family, address.host.c_str(), ip) != 1) {
    return CannotListen(address, claimed.socket_ < 0 ? errno : EINVAL);
  }
  const int off = 0;
  if (address.is_ipv6) setsockopt(claimed.socket_, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (bind(claimed.socket_, generic, claimed.size_) != 0 ||
      getsockname(claimed.socket_, generic, &claimed.size_) != 0) {
    return CannotListen(address, errno);
  }
  // Only after the bind that had to be the only one: now the server's own may join it.
  const int on = 1;
  setsockopt(claimed.socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  claimed.address_.port = ntohs(v4->sin_port);
  return claimed;
}

int ClaimedUdpPort::FindJoined() const {
  int joined = -1;
  DIR* const open_files = opendir("/proc/self/fd");
  if (open_files == nullptr) return joined;
  while (const dirent* entry = readdir(open_files)) {
    int fd = -1;
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    if (absl::SimpleAtoi(entry->d_name, &fd) && fd != socket_ &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0 && size == size_ &&
        std::memcmp(&bound, &socket_address_, size) == 0) {
      joined = fd;
    }
  }
  closedir(open_files);
  return joined;
}

ClaimedUdpPort::ClaimedUdpPort(ClaimedUdpPort&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      address_(std::move(other.address_)),
      socket_address_(other.socket_address_),
      size_(other.size_) {}

ClaimedUdpPort::~ClaimedUdpPort() {
  if (socket_ >= 0) close(socket_);
}

void EnlargeReceiveBuffer(int socket, int bytes) {
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
}

int64_t DroppedDatagrams(int socket) {
  uint32_t counts[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof(counts);
  return getsockopt(socket, SOL_SOCKET, SO_MEMINFO, counts, &size) == 0 ? counts[SK_MEMINFO_DROPS]
                                                                        : 0;
}

}  // namespace sluice::ingress
