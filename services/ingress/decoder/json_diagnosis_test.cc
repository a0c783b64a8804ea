#include "services/ingress/decoder/json_diagnosis.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

std::string Diagnose(absl::string_view text) { return DiagnoseJson(text, 4); }

TEST(JsonDiagnosisTest, SaysWhatAndWhere) {
  EXPECT_EQ(Diagnose("{\"a\":\"x\xff\"}"), "byte 7: is not UTF-8");
  EXPECT_EQ(Diagnose(R"({"a":1,"b":{"c":tru}})"),
            "byte 16 ('b.c'): 'tru' is not a value as JSON writes it");
  EXPECT_EQ(Diagnose(R"({"a":1e999})"), "byte 5 ('a'): '1e999' is beyond the range of a double");
  EXPECT_EQ(Diagnose(R"([1,99999999999999999999])"),
            "byte 3: '99999999999999999999' is a whole number beyond the range of int64");
  EXPECT_EQ(Diagnose(R"({"a":1} x)"), "byte 8: something follows the end of the JSON");
  EXPECT_EQ(Diagnose(R"({"a" 1})"), "byte 5 ('a'): a ':' is missing after the key");
  EXPECT_EQ(Diagnose(R"({a:1})"), "byte 1: a key in double quotes is missing");
  EXPECT_EQ(Diagnose(R"({"a":1 "b":2})"), "byte 7: ',' or '}' is missing");
  EXPECT_EQ(Diagnose(R"([1 2])"), "byte 3: ',' or ']' is missing");
  EXPECT_EQ(Diagnose(R"([1,])"), "byte 3: a value is missing");
  EXPECT_EQ(Diagnose(R"({"a":)"), "byte 5 ('a'): a value is missing");
  EXPECT_EQ(Diagnose(R"({"a":1)"), "byte 6: an object is not closed");
  EXPECT_EQ(Diagnose(R"([1)"), "byte 2: an array is not closed");
  EXPECT_EQ(Diagnose(R"({"a":"x)"), "byte 7 ('a'): a text is not closed");
  EXPECT_EQ(Diagnose("{\"a\":\"\n\"}"),
            "byte 6 ('a'): a control character in a text is not escaped");
  EXPECT_EQ(Diagnose("[[[[[1]]]]]"), "byte 4: is nested deeper than 4 levels");
  EXPECT_EQ(Diagnose(std::string(100000, '[')), "byte 4: is nested deeper than 4 levels");
}

TEST(JsonDiagnosisTest, KnowsEscapes) {
  for (const char* bad : {R"(["\x"])", R"(["\u12"])", R"(["\u12g4"])", R"(["\ud800"])",
                          R"(["\udc00"])", R"(["\ud800\u0041"])", R"(["\ud800x"])", R"(["\)"}) {
    EXPECT_NE(Diagnose(bad).find("illegal escape"), std::string::npos) << bad;
  }
  EXPECT_EQ(Diagnose(R"(["\ud83c\udf21\"\\\/\b\f\n\r\t\u00e9"])"), "is not valid JSON")
      << "finds nothing where nothing is wrong";
}

TEST(JsonDiagnosisTest, EndsOnEveryPrefixAndFlippedBit) {
  const std::string good = R"([{"a":1.5e3,"b":{"c":"\u00e9\n"}},7,null,true])";
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_NE(Diagnose(good.substr(0, i)), "") << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_NE(Diagnose(flipped), "");
    }
  }
}

}  // namespace
}  // namespace sluice::ingress
