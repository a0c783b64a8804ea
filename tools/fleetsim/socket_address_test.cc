#include "tools/fleetsim/socket_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <set>
#include <string>

namespace sluice::fleetsim {
namespace {

TEST(SocketAddressTest, TakesHostsAndBothFamilies) {
  EXPECT_TRUE(ResolveAddress("127.0.0.1:1883")->IsIpv4Loopback());
  EXPECT_TRUE(ResolveAddress("localhost:1").ok());
  EXPECT_EQ(ResolveAddress("[::1]:1883")->storage.ss_family, AF_INET6);
  EXPECT_FALSE(ResolveAddress("10.0.0.1:80")->IsIpv4Loopback());
}

TEST(SocketAddressTest, WhatIsNoAddressIsRefused) {
  for (const char* bad : {"", ":", "host", "host:", "host:x", "host:0", "host:65536", ":1883"}) {
    EXPECT_EQ(ResolveAddress(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(ResolveAddress("no-such-host.invalid:1").status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(SocketAddressTest, EachDeviceCanHaveAnAddressOfItsOwn) {
  const SocketAddress to = ResolveAddress("127.0.0.1:9").value();
  std::set<std::string> sources;
  for (int device : {0, 1, 253, 254, 255, 9999}) {
    const int fd = OpenSocket(SOCK_DGRAM, to, device).value();
    sockaddr_in source{};
    socklen_t size = sizeof(source);
    ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&source), &size), 0);
    char text[INET_ADDRSTRLEN];
    sources.insert(inet_ntop(AF_INET, &source.sin_addr, text, sizeof(text)));
    close(fd);
  }
  EXPECT_EQ(sources.size(), 6u);
  EXPECT_EQ(sources.count("127.1.0.1"), 1u);
  EXPECT_EQ(sources.count("127.1.1.1"), 1u);
}

}  // namespace
}  // namespace sluice::fleetsim
