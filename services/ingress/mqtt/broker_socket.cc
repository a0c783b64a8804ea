#include "services/ingress/mqtt/broker_socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/numbers.h"

namespace sluice::ingress {
namespace {

// The TCP port that `fd` is connected to; 0 if it is no connected TCP socket.
uint16_t PeerPort(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return 0;
  int type = 0;
  length = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) return 0;
  if (peer.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&peer)->sin_port);
  if (peer.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&peer)->sin6_port);
  return 0;
}

}  // namespace

int ShutDownConnectionsTo(uint16_t peer_port) {
  DIR* const open_files = opendir("/proc/self/fd");
  if (open_files == nullptr) return 0;
  int shut_down = 0;
  while (const dirent* entry = readdir(open_files)) {
    int fd = -1;
    if (!absl::SimpleAtoi(entry->d_name, &fd)) continue;
    if (PeerPort(fd) == peer_port && shutdown(fd, SHUT_RDWR) == 0) ++shut_down;
  }
  closedir(open_files);
  return shut_down;
}

}  // namespace sluice::ingress
