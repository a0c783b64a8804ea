#include "libs/net/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ListenAddressTest, ParsesBothFamiliesAndWritesThemBack) {
  const ListenAddress v4 = ParseListenAddress("127.0.0.2:7101", "grpc.listen").value();
  EXPECT_EQ(v4.host, "127.0.0.2");
  EXPECT_EQ(v4.port, 7101);
  EXPECT_TRUE(v4.is_loopback);
  EXPECT_EQ(v4.ToString(), "127.0.0.2:7101");
  const ListenAddress v6 = ParseListenAddress("[::1]:0", "grpc.listen").value();
  EXPECT_TRUE(v6.is_loopback);
  EXPECT_EQ(v6.ToString(), "[::1]:0");
  EXPECT_FALSE(ParseListenAddress("0.0.0.0:1", "x")->is_loopback);
}

TEST(ListenAddressTest, RefusesWhatIsNoAddressAndSaysWhere) {
  for (const char* bad : {"", "7101", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "localhost:1",
                          "::1:5", "[::1:5", "127.0.0.1:-1"}) {
    const auto result = ParseListenAddress(bad, "grpc.listen");
    EXPECT_FALSE(result.ok()) << bad;
    EXPECT_THAT(std::string(result.status().message()), testing::StartsWith("grpc.listen: is '"));
  }
}

TEST(ValidateLoopbackTest, RefusesAnAddressThatOthersReach) {
  EXPECT_TRUE(ValidateLoopback("127.0.0.1:0", "x").ok());
  EXPECT_THAT(std::string(ValidateLoopback("0.0.0.0:7101", "grpc.listen").message()),
              testing::HasSubstr("must be a loopback address"));
}

}  // namespace
}  // namespace sluice
