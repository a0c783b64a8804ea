#include "libs/net/port_owner.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

// Binds a free port and returns it.
int Bind(int fd) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

TEST(PortOwnerTest, FindsTheListenerOfATcpPort) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int port = Bind(fd);
  EXPECT_EQ(PortOwner(port, Transport::kTcp), "");
  ASSERT_EQ(listen(fd, 1), 0);
  EXPECT_THAT(PortOwner(port, Transport::kTcp),
              testing::EndsWith(absl::StrCat("(pid ", getpid(), ")")));
  close(fd);
  EXPECT_EQ(PortOwner(port, Transport::kTcp), "");
}

TEST(PortOwnerTest, FindsTheOwnerOfAUdpPort) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int port = Bind(fd);
  EXPECT_THAT(PortOwner(port, Transport::kUdp),
              testing::EndsWith(absl::StrCat("(pid ", getpid(), ")")));
  close(fd);
}

}  // namespace
}  // namespace sluice
