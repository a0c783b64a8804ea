#include "tools/sluicectl/addresses.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace sluice::sluicectl {
namespace {

class AddressesTest : public ::testing::Test {
 protected:
  AddressesTest()
      : dir_(std::string(std::getenv("TEST_TMPDIR")) + "/" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name()) {}

  void Write(const std::string& service, const std::string& text) {
    std::filesystem::create_directories(dir_ + "/" + service);
    std::ofstream(dir_ + "/" + service + "/endpoints.json") << text;
  }

  const std::string dir_;
};

TEST_F(AddressesTest, WellKnownPortsWithoutAnythingElse) {
  EXPECT_EQ(*ResolveAddress(ServiceName::kIngress, {}, dir_), "127.0.0.1:7101");
  EXPECT_EQ(*ResolveAddress(ServiceName::kRegistry, {}, dir_), "127.0.0.1:7102");
  EXPECT_EQ(*ResolveAddress(ServiceName::kAnalytics, {}, dir_), "127.0.0.1:7103");
}

TEST_F(AddressesTest, AFlagGoesFirst) {
  Write("registry", R"({"grpc": "127.0.0.1:4000"})");
  AddressOptions options;
  options.data_dir = dir_;
  options.registry = "box:9";
  EXPECT_EQ(*ResolveAddress(ServiceName::kRegistry, options), "box:9");
}

TEST_F(AddressesTest, ReadsWhatTheServiceWrote) {
  Write("registry", R"({"grpc": "127.0.0.1:4000", "metrics": "127.0.0.1:4001", "pid": 7})");
  AddressOptions options;
  options.data_dir = dir_;
  EXPECT_EQ(*ResolveAddress(ServiceName::kRegistry, options), "127.0.0.1:4000");
}

TEST_F(AddressesTest, ANamedDirectoryMustHoldIt) {
  AddressOptions options;
  options.data_dir = dir_;
  const auto missing = ResolveAddress(ServiceName::kIngress, options);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(missing.status().message().find("is sluice-ingress running?"), std::string::npos);
  for (const char* text : {"", "{}", "[", R"({"grpc": 7})", R"({"grpc": ""})"}) {
    Write("ingress", text);
    EXPECT_EQ(ResolveAddress(ServiceName::kIngress, options).status().code(),
              absl::StatusCode::kUnavailable)
        << text;
  }
}

TEST_F(AddressesTest, TheDefaultDirectoryCountsOnlyWithoutFlags) {
  Write("registry", R"({"grpc": "127.0.0.1:4000"})");
  EXPECT_EQ(*ResolveAddress(ServiceName::kRegistry, {}, dir_), "127.0.0.1:4000");
  EXPECT_EQ(*ResolveAddress(ServiceName::kIngress, {}, dir_), "127.0.0.1:7101");
  AddressOptions options;
  options.ingress = "127.0.0.1:1";
  EXPECT_EQ(*ResolveAddress(ServiceName::kRegistry, options, dir_), "127.0.0.1:7102");
}

}  // namespace
}  // namespace sluice::sluicectl
