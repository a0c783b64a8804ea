#include "services/ingress/coap/udp_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;

ListenAddress Loopback(int port = 0) {
  ListenAddress address;
  address.host = "127.0.0.1";
  address.port = port;
  return address;
}

// A socket on the port as libcoap opens it; -1: refused.
int JoinPort(const ClaimedUdpPort& port) {
  const int joined = socket(AF_INET, SOCK_DGRAM, 0);
  const int on = 1;
  setsockopt(joined, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(joined, reinterpret_cast<const sockaddr*>(&port.socket_address()),
           port.socket_address_size()) == 0) {
    return joined;
  }
  close(joined);
  return -1;
}

int ReceiveBuffer(int fd) {
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size);
  return bytes;
}

TEST(ClaimedUdpPortTest, PicksAFreePortThatTheServerMayJoinAndNobodyElseMayClaim) {
  absl::StatusOr<ClaimedUdpPort> port = ClaimedUdpPort::Claim(Loopback());
  ASSERT_TRUE(port.ok()) << port.status();
  ASSERT_GT(port->address().port, 0);
  const int joined = JoinPort(*port);
  EXPECT_GE(joined, 0);

  const absl::Status again = ClaimedUdpPort::Claim(port->address()).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(again.message()), HasSubstr("the port is in use by"));
  close(joined);
}

TEST(ClaimedUdpPortTest, SeesAServerThatWouldLetAnotherJoin) {
  int joined = -1;
  ListenAddress address;
  {
    absl::StatusOr<ClaimedUdpPort> port = ClaimedUdpPort::Claim(Loopback());
    ASSERT_TRUE(port.ok());
    address = port->address();
    joined = JoinPort(*port);
  }
  EXPECT_FALSE(ClaimedUdpPort::Claim(address).ok());
  close(joined);
  EXPECT_TRUE(ClaimedUdpPort::Claim(address).ok());
}

TEST(ClaimedUdpPortTest, SpeaksIpv6) {
  ListenAddress address;
  address.host = "::1";
  address.is_ipv6 = true;
  absl::StatusOr<ClaimedUdpPort> port = ClaimedUdpPort::Claim(address);
  if (!port.ok()) GTEST_SKIP() << "no IPv6 here: " << port.status();
  EXPECT_GT(port->address().port, 0);
  EXPECT_FALSE(ClaimedUdpPort::Claim(port->address()).ok());
}

TEST(ClaimedUdpPortTest, AnAddressThatIsNotOursIsAnError) {
  ListenAddress address = Loopback();
  address.host = "192.0.2.1";
  EXPECT_THAT(std::string(ClaimedUdpPort::Claim(address).status().message()),
              HasSubstr("cannot listen on udp 192.0.2.1:0"));
}

TEST(ClaimedUdpPortTest, FindsWhoJoinedAndEnlargesItsBuffer) {
  absl::StatusOr<ClaimedUdpPort> port = ClaimedUdpPort::Claim(Loopback());
  ASSERT_TRUE(port.ok());
  EXPECT_EQ(port->FindJoined(), -1);
  const int joined = JoinPort(*port);
  const int small = 8192;
  setsockopt(joined, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  const int before = ReceiveBuffer(joined);
  ASSERT_EQ(port->FindJoined(), joined);
  EnlargeReceiveBuffer(joined, 100'000);
  EXPECT_GT(ReceiveBuffer(joined), before);
  close(joined);
}

TEST(DroppedDatagramsTest, CountsWhatFoundNoRoom) {
  absl::StatusOr<ClaimedUdpPort> port = ClaimedUdpPort::Claim(Loopback());
  ASSERT_TRUE(port.ok());
  const int receiver = JoinPort(*port);
  EXPECT_EQ(DroppedDatagrams(receiver), 0);
  const int sender = socket(AF_INET, SOCK_DGRAM, 0);
  const auto* to = reinterpret_cast<const sockaddr*>(&port->socket_address());
  const std::string datagram(1000, 'x');
  int64_t dropped = 0;
  for (int i = 0; i < 100'000 && dropped == 0; ++i) {
    ASSERT_GT(sendto(sender, datagram.data(), datagram.size(), 0, to, port->socket_address_size()),
              0);
    if (i % 100 == 99) dropped = DroppedDatagrams(receiver);
  }
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(DroppedDatagrams(-1), 0);
  close(sender);
  close(receiver);
}

}  // namespace
}  // namespace sluice::ingress
