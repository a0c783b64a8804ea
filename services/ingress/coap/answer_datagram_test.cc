#include "services/ingress/coap/answer_datagram.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

// As literals with zeros in them.
template <size_t N>
std::string Bytes(const char (&text)[N]) {
  return std::string(text, N - 1);
}

TEST(AnswerDatagramTest, AnAnswerThatIsItsCodeAlone) {
  CoapAnswer answer;
  answer.code = CoapCode::kChanged;
  EXPECT_EQ(EncodeAnswer(CoapType::kAcknowledgement, 0x1234, "", answer),
            Bytes("\x60\x44\x12\x34"));
  EXPECT_EQ(EncodeAnswer(CoapType::kNonConfirmable, 0, "tok", answer),
            Bytes("\x53\x44\x00\x00tok"));
  EXPECT_EQ(EncodeAnswer(CoapType::kConfirmable, 0xfffe, "12345678", answer),
            Bytes("\x48\x44\xff\xfe"
                  "12345678"));
}

TEST(AnswerDatagramTest, EveryOptionInItsPlace) {
  CoapAnswer answer;
  answer.code = CoapCode::kContent;
  answer.content_format = 40;
  answer.max_age_seconds = 0x10005;
  answer.block2 = CoapBlock{2, true, 6};
  answer.block1 = CoapBlock{0, false, 0};
  answer.size2 = 300;
  answer.size1 = 65536;
  answer.payload = "text";
  EXPECT_EQ(EncodeAnswer(CoapType::kAcknowledgement, 1, "T", answer),
            Bytes("\x61\x45\x00\x01T"
                  "\xc1\x28"              // 12: 40
                  "\x23\x01\x00\x05"      // 14
                  "\x91\x2e"              // 23: block 2, more, 1,024 bytes
                  "\x40"                  // 27: all zero has no bytes
                  "\x12\x01\x2c"          // 28: 300
                  "\xd3\x13\x01\x00\x00"  // 60: 32 on, which takes a byte more
                  "\xfftext"));
}

TEST(AnswerDatagramTest, AnEmptyAcknowledgement) {
  EXPECT_EQ(EncodeEmptyAcknowledgement(0xabcd), Bytes("\x60\x00\xab\xcd"));
}

}  // namespace
}  // namespace sluice::ingress
