#include "tools/fleetsim/coap_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::fleetsim {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (int b : bytes) out.push_back(static_cast<char>(b));
  return out;
}

TEST(CoapCodecTest, PostIsByteForByteAsSpecified) {
  std::string out;
  const absl::string_view path[] = {"devices", "a-device-with-a-name", "t"};
  AppendPost({CoapType::kConfirmable, 0x1234, "tk", path, 50, "{}"}, &out);
  EXPECT_EQ(out, Bytes({0x42, 0x02, 0x12, 0x34, 't', 'k', 0xb7}) + "devices" + Bytes({0x0d, 7}) +
                     "a-device-with-a-name" + Bytes({0x01, 't', 0x11, 50, 0xff}) + "{}");
}

TEST(CoapCodecTest, ContentFormatsTakeAsManyBytesAsTheyNeed) {
  const absl::string_view path[] = {"p"};
  std::string zero, large;
  AppendPost({CoapType::kNonConfirmable, 1, "", path, 0, ""}, &zero);
  AppendPost({CoapType::kNonConfirmable, 1, "", path, 11050, ""}, &large);
  EXPECT_EQ(zero, Bytes({0x50, 2, 0, 1, 0xb1, 'p', 0x10}));
  EXPECT_EQ(large, Bytes({0x50, 2, 0, 1, 0xb1, 'p', 0x12, 0x2b, 0x2a}));
}

TEST(CoapCodecTest, WhatIsWrittenIsRead) {
  std::string out;
  const absl::string_view path[] = {"devices", "d", "telemetry"};
  AppendPost({CoapType::kNonConfirmable, 65535, "12345678", path, 110, "payload"}, &out);
  const auto message = ParseCoap(out);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->type, CoapType::kNonConfirmable);
  EXPECT_EQ(message->code, kCoapPost);
  EXPECT_EQ(message->message_id, 65535);
  EXPECT_EQ(message->token, "12345678");
  EXPECT_EQ(message->payload, "payload");
}

TEST(CoapCodecTest, AnswersAreRead) {
  const std::string ack = Bytes({0x61, 0x44, 0, 7, 't'});
  const auto message = ParseCoap(ack);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->type, CoapType::kAck);
  EXPECT_EQ(message->code, kCoapChanged);
  EXPECT_EQ(message->token, "t");
  EXPECT_FALSE(message->max_age_s.has_value());
  const std::string busy = Bytes({0x60, 0xa3, 0, 7, 0xd2, 1, 1, 44, 0xff, 'x'});
  const auto later = ParseCoap(busy);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->max_age_s, 300u);
  EXPECT_EQ(later->payload, "x");
  EXPECT_EQ(CoapCodeName(later->code), "5.03");
  std::string empty;
  AppendEmpty(CoapType::kReset, 258, &empty);
  EXPECT_EQ(empty, Bytes({0x70, 0, 1, 2}));
  EXPECT_TRUE(ParseCoap(empty).ok());
}

TEST(CoapCodecTest, MalformedMessagesAreRefused) {
  for (const std::string& bad : {
           Bytes({}), Bytes({0x60, 0x44, 0}),          // no whole header
           Bytes({0x20, 0x44, 0, 1}),                  // version 0
           Bytes({0x69, 0x44, 0, 1}),                  // token of 9
           Bytes({0x64, 0x44, 0, 1, 't'}),             // token cut off
           Bytes({0x60, 0, 0, 1, 1}),                  // empty with content
           Bytes({0x60, 0x44, 0, 1, 0xff}),            // marker, no payload
           Bytes({0x60, 0x44, 0, 1, 0x13, 'a', 'b'}),  // option cut off
           Bytes({0x60, 0x44, 0, 1, 0xd0}),            // extended delta cut off
           Bytes({0x60, 0x44, 0, 1, 0x0e, 1}),         // extended length cut off
           Bytes({0x60, 0x44, 0, 1, 0xf0}),            // reserved delta
           Bytes({0x60, 0x44, 0, 1, 0x1f}),            // reserved length
       }) {
    EXPECT_FALSE(ParseCoap(bad).ok()) << bad.size();
  }
}

TEST(CoapCodecTest, NoiseNeverReadsBeyondItsEnd) {
  constexpr int kSeed = 12;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  for (int i = 0; i < 300000; ++i) {
    std::string noise(random() % 16, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    if (!noise.empty()) noise[0] = static_cast<char>(0x40 | (noise[0] & 0x3f));
    const auto message = ParseCoap(noise);
    if (message.ok()) {
      EXPECT_LE(message->payload.size(), noise.size());
    }
  }
}

}  // namespace
}  // namespace sluice::fleetsim
