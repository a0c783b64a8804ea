#include "services/ingress/dead_letters/dead_letter_message.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

using Kind = InboundMessage::Kind;

v1::DeadLetter Letter(v1::Protocol protocol, const std::string& address) {
  v1::DeadLetter letter;
  letter.set_protocol(protocol);
  letter.set_address(address);
  return letter;
}

TEST(DeadLetterMessageTest, IsWhatCame) {
  v1::DeadLetter letter = Letter(v1::PROTOCOL_MQTT, "devices/pump-7/telemetry");
  letter.set_device_id("pump-7");
  letter.set_message_id("m-1");
  letter.set_content_type("application/json");
  letter.set_payload("5");
  letter.set_payload_size_bytes(1);
  letter.mutable_received_time()->set_seconds(100);
  letter.mutable_sender()->set_client_id("client");
  letter.mutable_sender()->set_username("anna");
  letter.mutable_ring_position()->set_end(4096);
  const InboundMessage message = MessageOf(letter).value();
  EXPECT_EQ(message.kind, Kind::kTelemetry);
  EXPECT_EQ(message.protocol, v1::PROTOCOL_MQTT);
  EXPECT_EQ(message.qos, 1);
  EXPECT_EQ(message.device_id, "pump-7");
  EXPECT_EQ(message.address, "devices/pump-7/telemetry");
  EXPECT_EQ(message.message_id, "m-1");
  EXPECT_EQ(message.content_type, "application/json");
  EXPECT_EQ(message.payload, "5");
  EXPECT_EQ(message.payload_size_bytes, 1);
  EXPECT_EQ(message.received.time, absl::FromUnixSeconds(100));
  EXPECT_EQ(message.received.uptime, -absl::InfiniteDuration());
  EXPECT_EQ(message.client_id, "client");
  EXPECT_EQ(message.username, "anna");
  EXPECT_FALSE(message.retained);
  EXPECT_FALSE(message.ring.has_value());
}

TEST(DeadLetterMessageTest, ItsAddressSaysWhatItIs) {
  const auto kind = [](v1::Protocol protocol, const std::string& address) {
    return MessageOf(Letter(protocol, address))->kind;
  };
  EXPECT_EQ(kind(v1::PROTOCOL_MQTT, "devices/a/status"), Kind::kStatus);
  EXPECT_EQ(kind(v1::PROTOCOL_MQTT, "devices/a/commands/c/response"), Kind::kCommandResponse);
  EXPECT_EQ(kind(v1::PROTOCOL_MQTT, "devices/a/else"), Kind::kUnknown);
  EXPECT_EQ(kind(v1::PROTOCOL_COAP, "/devices/a/telemetry"), Kind::kTelemetry);
  EXPECT_EQ(kind(v1::PROTOCOL_COAP, "/devices/a/status"), Kind::kStatus);
  EXPECT_EQ(kind(v1::PROTOCOL_COAP, "/devices/a/commands/c/response"), Kind::kCommandResponse);
  EXPECT_EQ(kind(v1::PROTOCOL_COAP, "/"), Kind::kUnknown);
  EXPECT_EQ(kind(v1::PROTOCOL_COAP, ""), Kind::kUnknown);
  EXPECT_EQ(kind(v1::PROTOCOL_UNSPECIFIED, "devices/a/telemetry"), Kind::kUnknown);
  const v1::DeadLetter mqtt = Letter(v1::PROTOCOL_MQTT, "devices/a/commands/c-1/response");
  EXPECT_EQ(MessageOf(mqtt)->command_id, "c-1");
  const v1::DeadLetter coap = Letter(v1::PROTOCOL_COAP, "/devices/a/commands/c-2/response");
  EXPECT_EQ(MessageOf(coap)->command_id, "c-2");
}

// "\xff" and "\xfe" were kept alike: as ids of messages they would make one of two.
TEST(DeadLetterMessageTest, AnIdThatWasNoTextIsNone) {
  v1::DeadLetter letter;
  letter.set_message_id("\uFFFD");
  EXPECT_TRUE(MessageOf(letter).ok());
  letter.set_reason(v1::DEAD_LETTER_REASON_MALFORMED);
  EXPECT_EQ(MessageOf(letter).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DeadLetterMessageTest, APayloadThatWasCutIsNone) {
  v1::DeadLetter letter = Letter(v1::PROTOCOL_MQTT, "devices/a/telemetry");
  letter.set_payload("5");
  letter.set_payload_size_bytes(2);
  EXPECT_TRUE(absl::IsFailedPrecondition(MessageOf(letter).status()));
}

}  // namespace
}  // namespace sluice::ingress
