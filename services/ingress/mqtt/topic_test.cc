#include "services/ingress/mqtt/topic.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

TEST(ParseTopicTest, ReadsTheThreeShapes) {
  const auto telemetry = ParseTopic("devices/pump-7/telemetry");
  ASSERT_TRUE(telemetry.has_value());
  EXPECT_EQ(telemetry->kind, DeviceTopic::Kind::kTelemetry);
  EXPECT_EQ(telemetry->device_id, "pump-7");

  const auto status = ParseTopic("devices/a:b/status");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->kind, DeviceTopic::Kind::kStatus);
  EXPECT_EQ(status->device_id, "a:b");

  const auto response = ParseTopic("devices/valve/commands/c-1/response");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->kind, DeviceTopic::Kind::kCommandResponse);
  EXPECT_EQ(response->device_id, "valve");
  EXPECT_EQ(response->command_id, "c-1");
}

TEST(ParseTopicTest, HandsIdsOnUnchecked) {
  EXPECT_EQ(ParseTopic("devices//telemetry")->device_id, "");
  EXPECT_EQ(ParseTopic("devices/../status")->device_id, "..");
  EXPECT_EQ(ParseTopic("devices/caf\xc3\xa9 1/telemetry")->device_id, "caf\xc3\xa9 1");
  EXPECT_EQ(ParseTopic("devices/x/commands//response")->command_id, "");
  const std::string long_id(60'000, 'x');
  EXPECT_EQ(ParseTopic("devices/" + long_id + "/telemetry")->device_id, long_id);
}

TEST(ParseTopicTest, SaysWhatIsNoneOfThem) {
  for (const char* topic :
       {"", "/", "devices", "devices/", "devices/a", "devices/a/", "devices/a/errors",
        "devices/a/commands", "devices/a/commands/c", "devices/a/commands/c/request",
        "devices/a/commands/c/response/", "devices/a/b/telemetry", "/devices/a/telemetry",
        "Devices/a/telemetry", "devices/a/telemetry/", "devices/a/telemetryx", "$SYS/broker/uptime",
        "devices/a/b/c/d/telemetry"}) {
    EXPECT_FALSE(ParseTopic(topic).has_value()) << topic;
  }
}

TEST(IsReplyTopicTest, TakesTheDevicesOwnAlone) {
  for (const char* topic : {"devices/a/receipts", "devices/a/x/y", "devices/a/telemetryx",
                            "devices/a//", "devices/a/my receipts"}) {
    EXPECT_TRUE(IsReplyTopic(topic, "a")) << topic;
  }
  for (const char* topic :
       {"", "devices/a", "devices/a/", "devices/b/receipts", "devices/ab/receipts", "receipts",
        "/devices/a/receipts", "Devices/a/receipts", "$SYS/devices/a/receipts", "devices/a/+",
        "devices/a/#", "devices/a/x/+/y", "devices/a/caf\xc3\xa9", "devices/a/x\ty"}) {
    EXPECT_FALSE(IsReplyTopic(topic, "a")) << topic;
  }
  EXPECT_FALSE(IsReplyTopic("devices//receipts", ""));
  EXPECT_FALSE(IsReplyTopic(absl::string_view("devices/a/x\0y", 13), "a"));
  EXPECT_TRUE(IsReplyTopic("devices/a/" + std::string(1014, 'x'), "a"));
  EXPECT_FALSE(IsReplyTopic("devices/a/" + std::string(1015, 'x'), "a"));
  EXPECT_TRUE(IsReplyTopic("devices/a/" + std::string(29, '/'), "a"));
  EXPECT_FALSE(IsReplyTopic("devices/a/" + std::string(30, '/'), "a")) << "33 levels";
}

// An answer there would come in as a message, or look like a command or an error.
TEST(IsReplyTopicTest, TakesNoneThatSaysSomethingElse) {
  for (const char* topic :
       {"devices/a/telemetry", "devices/a/status", "devices/a/errors", "devices/a/commands",
        "devices/a/commands/c/response", "devices/a/telemetry/x", "devices/a/errors/x"}) {
    EXPECT_FALSE(IsReplyTopic(topic, "a")) << topic;
  }
}

TEST(TopicTest, WritesWhatItReads) {
  EXPECT_EQ(CommandsTopic("valve"), "devices/valve/commands");
  EXPECT_EQ(ErrorsTopic("valve"), "devices/valve/errors");
  const std::string topic = CommandResponseTopic("valve", "c-1");
  EXPECT_EQ(topic, "devices/valve/commands/c-1/response");
  const auto parsed = ParseTopic(topic);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->kind, DeviceTopic::Kind::kCommandResponse);
  EXPECT_EQ(parsed->device_id, "valve");
  EXPECT_EQ(parsed->command_id, "c-1");
}

}  // namespace
}  // namespace sluice::ingress
