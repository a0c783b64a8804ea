#include "tools/fleetsim/mqtt_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::fleetsim {
namespace {

constexpr size_t kMaxBody = 1 << 20;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (int b : bytes) out.push_back(static_cast<char>(b));
  return out;
}

MqttPacket Read(const std::string& bytes) {
  MqttPacket packet{};
  const auto size = ReadPacket(bytes, kMaxBody, &packet);
  EXPECT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(size.value_or(0), bytes.size());
  return packet;
}

TEST(MqttCodecTest, ConnectIsByteForByteAsSpecified) {
  std::string out;
  MqttConnect connect;
  connect.client_id = "d1";
  connect.will_topic = "w";
  connect.will_payload = "off";
  AppendConnect(connect, &out);
  EXPECT_EQ(out, Bytes({0x10, 22, 0,   4,   'M', 'Q', 'T', 'T', 4, 0x24, 0,   30,
                        0,    2,  'd', '1', 0,   1,   'w', 0,   3, 'o',  'f', 'f'}));
  out.clear();
  connect.clean_session = true;
  connect.will_topic = "";
  AppendConnect(connect, &out);
  EXPECT_EQ(out, Bytes({0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 30, 0, 2, 'd', '1'}));
}

TEST(MqttCodecTest, PublishComesBackAsItWas) {
  for (int qos : {0, 1, 2}) {
    for (size_t size : {0u, 1u, 100u, 127u, 128u, 16383u, 16384u, 70000u}) {
      std::string out;
      const std::string payload(size, 'p');
      MqttPublish publish;
      publish.topic = "devices/d1/telemetry";
      publish.payload = payload;
      publish.qos = qos;
      publish.packet_id = 0xabcd;
      publish.dup = qos == 1;
      publish.retain = qos == 0;
      AppendPublish(publish, &out);
      const auto parsed = ParsePublish(Read(out));
      ASSERT_TRUE(parsed.ok());
      EXPECT_EQ(parsed->topic, publish.topic);
      EXPECT_EQ(parsed->payload, payload);
      EXPECT_EQ(parsed->qos, qos);
      EXPECT_EQ(parsed->packet_id, qos > 0 ? 0xabcd : 0);
      EXPECT_EQ(parsed->dup, publish.dup);
      EXPECT_EQ(parsed->retain, publish.retain);
    }
  }
}

TEST(MqttCodecTest, SmallPacketsAreByteForByteAsSpecified) {
  std::string out;
  AppendAck(MqttPacketType::kPuback, 1, &out);
  AppendAck(MqttPacketType::kPubrel, 258, &out);
  AppendEmpty(MqttPacketType::kPingreq, &out);
  AppendEmpty(MqttPacketType::kDisconnect, &out);
  AppendSubscribe(7, {{"a/b", 2}, {"c", 0}}, &out);
  EXPECT_EQ(out, Bytes({0x40, 2, 0, 1, 0x62, 2,   1,   2,   0xc0, 0, 0xe0, 0,   0x82,
                        12,   0, 7, 0, 3,    'a', '/', 'b', 2,    0, 1,    'c', 0}));
}

TEST(MqttCodecTest, AnswersAreRead) {
  const auto connack = ParseConnack(Read(Bytes({0x20, 2, 1, 5})));
  ASSERT_TRUE(connack.ok());
  EXPECT_TRUE(connack->session_present);
  EXPECT_EQ(connack->code, 5);
  EXPECT_EQ(ParseAck(Read(Bytes({0x40, 2, 1, 2}))).value(), 258);
  const std::string bytes = Bytes({0x90, 4, 0, 9, 2, 0x80});
  const auto suback = ParseSuback(Read(bytes));
  ASSERT_TRUE(suback.ok());
  EXPECT_EQ(suback->packet_id, 9);
  EXPECT_EQ(suback->codes, Bytes({2, 0x80}));
}

TEST(MqttCodecTest, PartsOfAPacketAreAskedToWait) {
  std::string out;
  const std::string payload(300, 'p');
  AppendPublish({"topic", payload, 1, 9, false, false}, &out);
  for (size_t size = 0; size < out.size(); ++size) {
    MqttPacket packet;
    const auto read = ReadPacket(absl::string_view(out).substr(0, size), kMaxBody, &packet);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, 0u);
  }
}

TEST(MqttCodecTest, MalformedPacketsAreRefused) {
  MqttPacket packet;
  EXPECT_FALSE(ReadPacket(Bytes({0x00, 0}), kMaxBody, &packet).ok()) << "type 0";
  EXPECT_FALSE(ReadPacket(Bytes({0xf0, 0}), kMaxBody, &packet).ok()) << "type 15";
  EXPECT_FALSE(ReadPacket(Bytes({0x21, 2, 0, 0}), kMaxBody, &packet).ok()) << "CONNACK flags";
  EXPECT_FALSE(ReadPacket(Bytes({0x60, 2, 0, 1}), kMaxBody, &packet).ok()) << "PUBREL flags";
  EXPECT_FALSE(ReadPacket(Bytes({0x30, 0xff, 0xff, 0xff, 0xff, 1}), kMaxBody, &packet).ok());
  EXPECT_FALSE(ReadPacket(Bytes({0x30, 0xff, 0xff, 0x7f}), kMaxBody, &packet).ok()) << "too large";
  EXPECT_FALSE(ParseConnack(Read(Bytes({0x20, 1, 0}))).ok());
  EXPECT_FALSE(ParseConnack(Read(Bytes({0x20, 2, 2, 0}))).ok());
  EXPECT_FALSE(ParseAck(Read(Bytes({0x40, 0}))).ok());
  EXPECT_FALSE(ParseSuback(Read(Bytes({0x90, 2, 0, 1}))).ok());
  EXPECT_FALSE(ParsePublish(Read(Bytes({0x36, 5, 0, 1, 't', 0, 1}))).ok()) << "QoS 3";
  EXPECT_FALSE(ParsePublish(Read(Bytes({0x30, 1, 0}))).ok()) << "no topic length";
  EXPECT_FALSE(ParsePublish(Read(Bytes({0x30, 3, 0, 9, 't'}))).ok()) << "topic cut off";
  EXPECT_FALSE(ParsePublish(Read(Bytes({0x32, 4, 0, 1, 't', 0}))).ok()) << "packet id cut off";
  EXPECT_FALSE(ParsePublish(Read(Bytes({0x32, 5, 0, 1, 't', 0, 0}))).ok()) << "packet id 0";
}

TEST(MqttCodecTest, NoiseNeverReadsBeyondItsEnd) {
  constexpr int kSeed = 11;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  for (int i = 0; i < 200000; ++i) {
    // On the heap and of the exact size, so that a sanitizer sees a step too far.
    std::string noise(random() % 12, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    MqttPacket packet;
    const auto size = ReadPacket(noise, kMaxBody, &packet);
    if (!size.ok() || *size == 0) continue;
    ASSERT_LE(*size, noise.size());
    ParseConnack(packet).status().IgnoreError();
    ParseAck(packet).status().IgnoreError();
    ParseSuback(packet).status().IgnoreError();
    const auto publish = ParsePublish(packet);
    if (publish.ok()) {
      EXPECT_LE(publish->payload.size(), noise.size());
    }
  }
}

}  // namespace
}  // namespace sluice::fleetsim
