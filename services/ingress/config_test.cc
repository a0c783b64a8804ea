#include "services/ingress/config.h"

#include <gtest/gtest.h>

#include <string>

#include "libs/config/config_loader.h"

namespace sluice::ingress {
namespace {

TEST(ConfigTest, TheDefaultsAreValid) {
  EXPECT_TRUE(ValidateConfig(DefaultConfig()).ok()) << ValidateConfig(DefaultConfig());
}

TEST(ConfigTest, NamesTheFieldThatIsOutOfItsRange) {
  const struct {
    const char* assignment;
    const char* field;
  } kBad[] = {
      {"data_dir=", "data_dir"},
      {"log.level=loud", "log.level"},
      {"log.format=xml", "log.format"},
      {"grpc.listen=0.0.0.0:7101", "grpc.listen"},
      {"grpc.listen=localhost", "grpc.listen"},
      {"grpc.max_streams=0", "grpc.max_streams"},
      {"grpc.max_streams=1001", "grpc.max_streams"},
      {"grpc.max_message_bytes=1KiB", "grpc.max_message_bytes"},
      {"grpc.max_message_bytes=65MiB", "grpc.max_message_bytes"},
      {"metrics.listen=192.168.1.1:9101", "metrics.listen"},
      {"registry.address=", "registry.address"},
      {"registry.address=box:0", "registry.address"},
      {"registry.address=:7102", "registry.address"},
      {"journal.max_bytes=1KiB", "journal.max_bytes"},
      {"journal.max_bytes=2TiB", "journal.max_bytes"},
      {"journal.hard_max_bytes=512MiB", "journal.hard_max_bytes"},
      {"journal.segment_bytes=1KiB", "journal.segment_bytes"},
      {"journal.segment_bytes=300MiB", "journal.segment_bytes"},
      {"journal.sync_interval=11s", "journal.sync_interval"},
      {"dead_letters.segment_bytes=32MiB", "dead_letters.segment_bytes"},
      {"mqtt.brokers=[]", "mqtt.brokers"},
      {"mqtt.brokers=[{}]", "mqtt.brokers[0].address"},
      {"mqtt.brokers.0.address=127.0.0.1:1883", "mqtt.brokers[0].address"},
      {"mqtt.brokers.0.address=tcp://127.0.0.1", "mqtt.brokers[0].address"},
      {"mqtt.brokers.1.address=tcp://127.0.0.1:1883", "mqtt.brokers[1].address"},
      {"mqtt.brokers.0.source=mosquitto", "mqtt.brokers[0].source"},
      {"mqtt.brokers.0.ring=", "mqtt.brokers[0].ring"},
      {"mqtt.brokers.1={address: 'tcp://b:1', ring: .sluice/mosquitto/ring/mqtt.ring}",
       "mqtt.brokers[1].ring"},
      {"mqtt.brokers.0.max_device_messages_per_s=-1", "mqtt.brokers[0].max_device_messages_per_s"},
      {"mqtt.brokers=[{address: 'tcp://a:1', max_device_messages_per_s: 5}]",
       "mqtt.brokers[0].max_device_messages_per_s"},
      {"mqtt.brokers.0.protocol_version=4", "mqtt.brokers[0].protocol_version"},
      {"mqtt.brokers.0.keep_alive=29s", "mqtt.brokers[0].keep_alive"},
      {"mqtt.brokers.0.keep_alive=2h", "mqtt.brokers[0].keep_alive"},
      {"mqtt.brokers.0.session_expiry=6d", "mqtt.brokers[0].session_expiry"},
      {"coap.listen=0.0.0.0:5683", "coap.listen"},
      {"coap.max_idle_sessions=0", "coap.max_idle_sessions"},
      {"instance_id=a b", "instance_id"},
      {"max_subscriptions=0", "max_subscriptions"},
      {"max_subscriptions=10001", "max_subscriptions"},
      {"admission.max_device_messages_per_s=-1", "admission.max_device_messages_per_s"},
      {"admission.device_burst_messages=-1", "admission.device_burst_messages"},
      {"admission.max_bytes_under_way=1023KiB", "admission.max_bytes_under_way"},
      {"message_ids.max_messages=-1", "message_ids.max_messages"},
      {"message_ids.max_messages=10000001", "message_ids.max_messages"},
      {"message_ids.max_age=0s", "message_ids.max_age"},
      {"message_ids.max_age=25h", "message_ids.max_age"},
  };
  for (const auto& bad : kBad) {
    auto config = DefaultConfig();
    ASSERT_TRUE(ApplyOverride(bad.assignment, &config).ok()) << bad.assignment;
    const absl::Status status = ValidateConfig(config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.assignment;
    EXPECT_EQ(status.message().find(std::string(bad.field) + ": "), 0u)
        << bad.assignment << " -> " << status;
  }
}

TEST(ConfigTest, TakesTheEdgesOfTheRanges) {
  for (const char* good :
       {"grpc.listen='[::1]:0'", "grpc.max_streams=1000", "grpc.max_message_bytes=64MiB",
        "metrics.listen=", "registry.address=registry.example:7102", "journal.hard_max_bytes=1GiB",
        "journal.segment_bytes=64KiB", "journal.segment_bytes=256MiB", "journal.sync_interval=10s",
        "journal.sync_interval=0s", "mqtt.brokers.0.protocol_version=3",
        "mqtt.brokers.0.keep_alive=1h", "mqtt.brokers.0.session_expiry=7d",
        "coap.max_idle_sessions=100000", "max_subscriptions=10000", "coap.listen=127.0.0.1:0",
        "message_ids.max_messages=0", "message_ids.max_messages=10000000",
        "message_ids.max_age=24h"}) {
    auto config = DefaultConfig();
    ASSERT_TRUE(ApplyOverride(good, &config).ok()) << good;
    EXPECT_TRUE(ValidateConfig(config).ok()) << good << " -> " << ValidateConfig(config);
  }
}

TEST(ConfigTest, ADeviceMaySendTwoSecondsWorthAtOnceIfNothingElseIsSaid) {
  auto config = DefaultConfig();
  config.mutable_admission()->set_max_device_messages_per_s(5);
  EXPECT_EQ(DeviceBurst(config), 10);
  config.mutable_admission()->set_device_burst_messages(3);
  EXPECT_EQ(DeviceBurst(config), 3);
}

TEST(ConfigTest, WhatIsDisabledNeedsNoSettings) {
  auto config = DefaultConfig();
  ASSERT_TRUE(ApplyOverride("mqtt={enabled: false, brokers: []}", &config).ok());
  ASSERT_TRUE(ApplyOverride("coap={enabled: false, listen: ''}", &config).ok());
  EXPECT_TRUE(ValidateConfig(config).ok()) << ValidateConfig(config);
}

TEST(ConfigTest, DevicesRegisterThemselvesWhereNobodyElseCanReachTheBox) {
  auto config = DefaultConfig();
  EXPECT_TRUE(AutoRegister(config));
  config.mutable_coap()->set_listen("0.0.0.0:5683");
  EXPECT_FALSE(AutoRegister(config));
  config.mutable_coap()->set_enabled(false);
  EXPECT_TRUE(AutoRegister(config));
  config.set_auto_register(false);
  EXPECT_FALSE(AutoRegister(config));
  config.mutable_grpc()->set_listen("10.0.0.1:7101");
  config.clear_auto_register();
  EXPECT_FALSE(AutoRegister(config));
  config.set_auto_register(true);
  EXPECT_TRUE(AutoRegister(config));
}

}  // namespace
}  // namespace sluice::ingress
