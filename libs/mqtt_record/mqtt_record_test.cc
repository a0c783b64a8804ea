#include "libs/mqtt_record/mqtt_record.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::mqtt_record {
namespace {

Bytes Of(const std::string& text) { return {text.data(), text.size()}; }

std::string Text(const Bytes& bytes) {
  return std::string(static_cast<const char*>(bytes.data), bytes.size);
}

std::string Encode(const Record& record) {
  uint8_t header[kHeaderBytes];
  EncodeHeader(record, header);
  std::string content(reinterpret_cast<const char*>(header), sizeof(header));
  for (const auto part : kPartsInOrder) content += Text(record.*part);
  return content;
}

TEST(MqttRecordTest, GivesBackWhatWasPutIn) {
  const std::string topic = "devices/a/telemetry";
  const std::string client = "client";
  const std::string user = "user";
  const std::string id = "m-1";
  const std::string type = "application/json";
  const std::string reply = "devices/a/receipts";
  const std::string correlation("\0\1\2", 3);
  const std::string payload = "{\"t\": 1}";
  Record record;
  record.qos = 2;
  record.retain = true;
  record.protocol_version = 5;
  record.payload_size = 8;
  record.received_us = -5;
  record.uptime_us = 77;
  record.broker_start_id = ~uint64_t{0};
  record.topic = Of(topic);
  record.client_id = Of(client);
  record.username = Of(user);
  record.message_id = Of(id);
  record.content_type = Of(type);
  record.response_topic = Of(reply);
  record.correlation_data = Of(correlation);
  record.payload = Of(payload);
  Bound(&record);

  Record read;
  const std::string content = Encode(record);
  ASSERT_TRUE(Decode(content.data(), content.size(), &read));
  EXPECT_EQ(read.kind, Kind::kPublish);
  EXPECT_EQ(read.qos, 2);
  EXPECT_TRUE(read.retain);
  EXPECT_EQ(read.protocol_version, 5);
  EXPECT_FALSE(read.reply_left_out);
  EXPECT_EQ(read.payload_size, 8u);
  EXPECT_EQ(read.received_us, -5);
  EXPECT_EQ(read.uptime_us, 77u);
  EXPECT_EQ(read.broker_start_id, ~uint64_t{0});
  EXPECT_EQ(Text(read.topic), topic);
  EXPECT_EQ(Text(read.client_id), client);
  EXPECT_EQ(Text(read.username), user);
  EXPECT_EQ(Text(read.message_id), id);
  EXPECT_EQ(Text(read.content_type), type);
  EXPECT_EQ(Text(read.response_topic), reply);
  EXPECT_EQ(Text(read.correlation_data), correlation);
  EXPECT_EQ(Text(read.payload), payload);
}

TEST(MqttRecordTest, CutsWhatIsTooLarge) {
  const std::string large(70'000, 'x');
  Record record;
  record.topic = record.client_id = record.username = record.message_id = record.content_type =
      record.response_topic = record.correlation_data = record.payload = Of(large);
  record.payload_size = 70'000;
  Bound(&record);
  EXPECT_TRUE(record.reply_left_out);

  Record read;
  const std::string content = Encode(record);
  ASSERT_TRUE(Decode(content.data(), content.size(), &read));
  EXPECT_TRUE(read.reply_left_out);
  EXPECT_EQ(read.payload_size, 70'000u);
  EXPECT_EQ(read.payload.size, kMaxPayloadBytes);
  EXPECT_EQ(read.topic.size, kMaxTopicBytes);
  EXPECT_EQ(read.client_id.size, kMaxNameBytes);
  EXPECT_EQ(read.response_topic.size, 0u);
  EXPECT_EQ(read.correlation_data.size, 0u);
}

TEST(MqttRecordTest, WhatIsExactlyTheLargestIsLeftAlone) {
  const std::string payload(kMaxPayloadBytes, 'x');
  const std::string topic(kMaxTopicBytes, 'y');
  Record record;
  record.payload = Of(payload);
  record.topic = Of(topic);
  Bound(&record);
  EXPECT_EQ(record.payload.size, kMaxPayloadBytes);
  EXPECT_EQ(record.topic.size, kMaxTopicBytes);
}

TEST(MqttRecordTest, NothingReadsBeyondTheEnd) {
  const std::string topic = "devices/a/telemetry";
  Record record;
  record.topic = Of(topic);
  const std::string whole = Encode(record);
  Record read;
  read.kind = Kind::kUnknownTopic;
  for (size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own, so that the address sanitizer sees what is beyond.
    const std::string part(whole, 0, size);
    EXPECT_FALSE(Decode(part.data(), part.size(), &read)) << size;
    EXPECT_EQ(read.kind, Kind::kUnknownTopic) << "changed by what is no record";
  }
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (!Decode(damaged.data(), damaged.size(), &read)) continue;
    const auto* const end = damaged.data() + damaged.size();
    EXPECT_EQ(static_cast<const char*>(read.payload.data) + read.payload.size, end);
  }
}

}  // namespace
}  // namespace sluice::mqtt_record
