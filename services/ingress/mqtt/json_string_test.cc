#include "services/ingress/mqtt/json_string.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

TEST(JsonStringTest, EscapesWhatJsonForbids) {
  EXPECT_EQ(JsonString(""), "\"\"");
  EXPECT_EQ(JsonString("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(JsonString(absl::string_view("\0\n\x1f\x7f", 4)), "\"\\u0000\\u000a\\u001f\\u007f\"");
}

TEST(JsonStringTest, KeepsValidUtf8) {
  const std::string text =
      "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf";
  EXPECT_EQ(JsonString(text), "\"" + text + "\"");
}

TEST(JsonStringTest, ReplacesEachByteThatIsNotUtf8) {
  const std::string r = kReplacement;
  EXPECT_EQ(JsonString("a\xff!"), "\"a" + r + "!\"");
  EXPECT_EQ(JsonString("\xc3"), "\"" + r + "\"") << "cut off";
  EXPECT_EQ(JsonString("\xc0\xaf"), "\"" + r + r + "\"") << "overlong";
  EXPECT_EQ(JsonString("\xed\xa0\x80"), "\"" + r + r + r + "\"") << "surrogate";
  EXPECT_EQ(JsonString("\xf4\x90\x80\x80"), "\"" + r + r + r + r + "\"") << "beyond U+10FFFF";
  EXPECT_EQ(JsonString("\xe2\x82"
                       "a"),
            "\"" + r + r + "a\"");
}

}  // namespace
}  // namespace sluice::ingress
