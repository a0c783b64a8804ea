#include "tools/sluicectl/display_text.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::sluicectl {
namespace {

TEST(EscapeForDisplayTest, KeepsWhatPeopleWrite) {
  EXPECT_EQ(EscapeForDisplay(""), "");
  EXPECT_EQ(EscapeForDisplay("pump-7: 21.5 °C, größer, 温度, \xf0\x9f\x8c\xa1"),
            "pump-7: 21.5 °C, größer, 温度, \xf0\x9f\x8c\xa1");
  EXPECT_EQ(EscapeForDisplay("a\\b \"c\""), "a\\b \"c\"");
}

TEST(EscapeForDisplayTest, DisarmsWhatATerminalActsOn) {
  EXPECT_EQ(EscapeForDisplay("\x1b[31mred\x1b]0;title\x07"), "\\x1b[31mred\\x1b]0;title\\x07");
  EXPECT_EQ(EscapeForDisplay("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(EscapeForDisplay(std::string("a\0b\x7f", 4)), "a\\x00b\\x7f");
  EXPECT_EQ(EscapeForDisplay("\xc2\x9b"
                             "31m"),
            "\\u009b31m");
  EXPECT_EQ(EscapeForDisplay("\xe2\x80\xae"
                             "gpj.exe"),
            "\\u202egpj.exe");
  EXPECT_EQ(EscapeForDisplay("one\xe2\x80\xa8two"), "one\\u2028two");
}

TEST(EscapeForDisplayTest, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(EscapeForDisplay("a\xff"
                             "b"),
            "a\\xffb");
  EXPECT_EQ(EscapeForDisplay("\xc3"), "\\xc3");
  // Overlong and surrogate encodings are not UTF-8.
  EXPECT_EQ(EscapeForDisplay("\xc0\x9b"), "\\xc0\\x9b");
  EXPECT_EQ(EscapeForDisplay("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(EscapeForDisplay("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(DisplayWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("°C"), 2);
  EXPECT_EQ(DisplayWidth("温度"), 4);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1);
}

TEST(CutToWidthTest, CutsAtColumnsAndSaysSo) {
  EXPECT_EQ(CutToWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(CutToWidth("abcdef", 4), "abc…");
  EXPECT_EQ(CutToWidth("温度温度", 4), "温…");
  EXPECT_EQ(CutToWidth("abc", 1), "…");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

}  // namespace
}  // namespace sluice::sluicectl
