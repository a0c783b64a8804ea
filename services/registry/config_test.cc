#include "services/registry/config.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace sluice::registry {
namespace {

using Change = std::function<void(config::v1::RegistryConfig*)>;

std::string Error(const Change& change) {
  config::v1::RegistryConfig config = DefaultConfig();
  change(&config);
  return std::string(ValidateConfig(config).message());
}

TEST(RegistryConfigTest, TheDefaultsAreValid) {
  EXPECT_TRUE(ValidateConfig(DefaultConfig()).ok()) << ValidateConfig(DefaultConfig());
}

TEST(RegistryConfigTest, TakesTheEndsOfEveryRange) {
  EXPECT_EQ(Error([](auto* c) { c->set_max_devices(1); }), "");
  EXPECT_EQ(Error([](auto* c) { c->set_max_devices(10'000'000); }), "");
  EXPECT_EQ(Error([](auto* c) { c->mutable_last_seen_interval()->set_seconds(1); }), "");
  EXPECT_EQ(Error([](auto* c) { c->mutable_last_seen_interval()->set_seconds(3600); }), "");
  EXPECT_EQ(Error([](auto* c) { c->mutable_grpc()->set_max_streams(1000); }), "");
  EXPECT_EQ(Error([](auto* c) { c->mutable_metrics()->clear_listen(); }), "");
  EXPECT_EQ(Error([](auto* c) { c->mutable_grpc()->set_listen("[::1]:0"); }), "");
}

TEST(RegistryConfigTest, NamesTheSettingThatIsWrong) {
  EXPECT_EQ(Error([](auto* c) { c->clear_data_dir(); }), "data_dir: must not be empty");
  EXPECT_EQ(Error([](auto* c) { c->mutable_log()->set_level("loud"); }),
            "log.level: is 'loud'; must be one of trace, debug, info, warn, error");
  EXPECT_EQ(Error([](auto* c) { c->mutable_log()->set_format("xml"); }),
            "log.format: is 'xml'; must be one of text, json");
  EXPECT_EQ(Error([](auto* c) { c->set_max_devices(0); }),
            "max_devices: is 0; must be 1 to 10000000");
  EXPECT_EQ(Error([](auto* c) { c->mutable_grpc()->set_max_streams(1001); }),
            "grpc.max_streams: is 1001; must be 1 to 1000");
  EXPECT_EQ(Error([](auto* c) { c->mutable_grpc()->set_max_message_bytes(1); }),
            "grpc.max_message_bytes: is 1; must be 65536 to 67108864");
  EXPECT_EQ(Error([](auto* c) { c->mutable_last_seen_interval()->set_nanos(1); }), "");
  EXPECT_EQ(Error([](auto* c) { c->mutable_last_seen_interval()->set_seconds(0); }),
            "last_seen_interval: is 0; must be 1s to 1h");
  EXPECT_EQ(Error([](auto* c) {
              c->mutable_last_seen_interval()->set_seconds(3600);
              c->mutable_last_seen_interval()->set_nanos(1);
            }),
            "last_seen_interval: is 1h0.000000001s; must be 1s to 1h");
}

TEST(RegistryConfigTest, OnlyLoopbackIsListenedOn) {
  EXPECT_NE(Error([](auto* c) { c->mutable_grpc()->set_listen("0.0.0.0:7102"); }), "");
  EXPECT_NE(Error([](auto* c) { c->mutable_grpc()->set_listen("7102"); }), "");
  EXPECT_NE(Error([](auto* c) { c->mutable_metrics()->set_listen("192.168.0.1:9102"); }), "");
}

}  // namespace
}  // namespace sluice::registry
