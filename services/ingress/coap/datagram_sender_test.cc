#include "services/ingress/coap/datagram_sender.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::ingress {
namespace {

// A bound UDP socket.
class Socket {
 public:
  Socket(int family, const char* ip) : fd_(socket(family, SOCK_DGRAM, 0)) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address_);
    address_.sin6_family = static_cast<sa_family_t>(family);
    inet_pton(family, ip,
              family == AF_INET ? static_cast<void*>(&v4->sin_addr) : &address_.sin6_addr);
    size_ = family == AF_INET ? sizeof(*v4) : sizeof(address_);
    bound_ = bind(fd_, reinterpret_cast<sockaddr*>(&address_), size_) == 0;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size_);
  }
  ~Socket() { close(fd_); }

  bool bound() const { return bound_; }
  int fd() const { return fd_; }
  // As whom a receiver sees it.
  CoapPeer peer() const {
    CoapPeer peer;
    if (address_.sin6_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address_);
      peer.ip[10] = peer.ip[11] = 0xff;
      memcpy(&peer.ip[12], &v4->sin_addr, 4);
    } else {
      memcpy(peer.ip.data(), &address_.sin6_addr, 16);
    }
    peer.port = ntohs(address_.sin6_port);
    return peer;
  }
  CoapLocalAddress local() const { return {peer().ip, 0}; }

  // The next datagram and who sent it, as TEXT from IP; empty if none is here.
  std::string Receive() const {
    char bytes[100];
    sockaddr_in6 from{};
    socklen_t size = sizeof(from);
    const ssize_t received = recvfrom(fd_, bytes, sizeof(bytes), MSG_DONTWAIT,
                                      reinterpret_cast<sockaddr*>(&from), &size);
    if (received < 0) return "";
    char ip[INET6_ADDRSTRLEN];
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&from);
    inet_ntop(
        from.sin6_family,
        from.sin6_family == AF_INET ? static_cast<const void*>(&v4->sin_addr) : &from.sin6_addr, ip,
        sizeof(ip));
    return absl::StrCat(absl::string_view(bytes, static_cast<size_t>(received)), " from ", ip);
  }

 private:
  const int fd_;
  sockaddr_in6 address_{};
  socklen_t size_ = 0;
  bool bound_ = false;
};

TEST(DatagramSenderTest, EachGetsItsOwnInOrder) {
  const Socket server(AF_INET, "127.0.0.1");
  const Socket a(AF_INET, "127.0.0.2");
  const Socket b(AF_INET, "127.0.0.3");
  DatagramSender sender(server.fd());
  for (int i = 0; i < 100; ++i) {
    sender.Queue(a.peer(), server.local(), absl::StrCat("a", i));
    sender.Queue(b.peer(), server.local(), absl::StrCat("b", i));
  }
  sender.Flush();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(a.Receive(), absl::StrCat("a", i, " from 127.0.0.1"));
    EXPECT_EQ(b.Receive(), absl::StrCat("b", i, " from 127.0.0.1"));
  }
  EXPECT_EQ(sender.failed(), 0);
  sender.Flush();
  EXPECT_EQ(a.Receive(), "");
}

TEST(DatagramSenderTest, LeavesFromWhereTheRequestArrived) {
  const Socket server(AF_INET, "0.0.0.0");
  const Socket client(AF_INET, "127.0.0.2");
  DatagramSender sender(server.fd());
  const Socket place(AF_INET, "127.0.0.9");
  sender.Queue(client.peer(), place.local(), "x");
  sender.Flush();
  EXPECT_EQ(client.Receive(), "x from 127.0.0.9");
}

TEST(DatagramSenderTest, SpeaksIpv6AndToIpv4ThroughIt) {
  const Socket server(AF_INET6, "::");
  const Socket six(AF_INET6, "::1");
  if (!server.bound() || !six.bound()) GTEST_SKIP() << "no IPv6 here";
  const Socket four(AF_INET, "127.0.0.2");
  DatagramSender sender(server.fd());
  sender.Queue(six.peer(), six.local(), "six");
  sender.Queue(four.peer(), Socket(AF_INET, "127.0.0.1").local(), "four");
  sender.Flush();
  EXPECT_EQ(six.Receive(), "six from ::1");
  EXPECT_EQ(four.Receive(), "four from 127.0.0.1");
}

TEST(DatagramSenderTest, WhatTheSystemRefusesIsCountedAndTheRestGoes) {
  const Socket server(AF_INET, "127.0.0.1");
  const Socket client(AF_INET, "127.0.0.2");
  DatagramSender sender(server.fd());
  CoapPeer nowhere;
  nowhere.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 255, 255, 255, 255};  // not permitted
  nowhere.port = 9;
  sender.Queue(client.peer(), server.local(), "a");
  sender.Queue(nowhere, server.local(), "b");
  sender.Queue(nowhere, server.local(), "c");
  sender.Queue(client.peer(), server.local(), "d");
  sender.Flush();
  EXPECT_EQ(client.Receive(), "a from 127.0.0.1");
  EXPECT_EQ(client.Receive(), "d from 127.0.0.1");
  EXPECT_EQ(sender.failed(), 2);
}

}  // namespace
}  // namespace sluice::ingress
