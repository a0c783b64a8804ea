#include "services/ingress/commands/command_message.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::ingress {
namespace {

v1::Command Open() {
  v1::Command command;
  command.set_id("c-1");
  command.set_device_id("valve");
  command.set_name("open");
  return command;
}

TEST(CommandMessageTest, SaysWhatToDoAndWhereToAnswer) {
  v1::Command command = Open();
  (*command.mutable_arguments()->mutable_fields())["percent"].set_number_value(40);
  const auto publication = MakeCommandPublication(command);
  ASSERT_TRUE(publication.ok());
  EXPECT_EQ(publication->topic, "devices/valve/commands");
  EXPECT_EQ(publication->payload,
            "{\"command_id\": \"c-1\", \"name\": \"open\", \"arguments\": {\"percent\":40}}");
  EXPECT_EQ(publication->qos, 2);
  EXPECT_FALSE(publication->retain);
  EXPECT_EQ(publication->content_type, "application/json");
  EXPECT_EQ(publication->response_topic, "devices/valve/commands/c-1/response");
  EXPECT_EQ(publication->correlation_data, "c-1");
}

TEST(CommandMessageTest, ArgumentsAreAnObjectEvenIfThereAreNone) {
  const char kExpected[] = "{\"command_id\": \"c-1\", \"name\": \"open\", \"arguments\": {}}";
  v1::Command command = Open();
  EXPECT_EQ(MakeCommandPublication(command)->payload, kExpected);
  command.mutable_arguments();
  EXPECT_EQ(MakeCommandPublication(command)->payload, kExpected);
}

TEST(CommandMessageTest, RefusesWhatCanNeverBeSent) {
  v1::Command command = Open();
  command.set_device_id("a/b");
  EXPECT_EQ(MakeCommandPublication(command).status().code(), absl::StatusCode::kInvalidArgument);
  command = Open();
  command.set_id("+");
  EXPECT_EQ(MakeCommandPublication(command).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CommandMessageTest, StaysJsonWithNumbersThatJsonHasNot) {
  v1::Command command = Open();
  (*command.mutable_arguments()->mutable_fields())["x"].set_number_value(
      std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(MakeCommandPublication(command)->payload,
            "{\"command_id\": \"c-1\", \"name\": \"open\", \"arguments\": {\"x\":\"NaN\"}}");
}

}  // namespace
}  // namespace sluice::ingress
