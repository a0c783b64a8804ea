#include "services/ingress/decoder/text.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

TEST(TextTest, FindsWhereUtf8Ends) {
  EXPECT_EQ(ValidUtf8Prefix(""), 0u);
  EXPECT_EQ(ValidUtf8Prefix("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xa1"), 10u);
  for (const char* bad : {"ab\xff", "ab\xc3", "ab\xc0\xaf", "ab\xe0\x80\xaf", "ab\xed\xa0\x80",
                          "ab\xf4\x90\x80\x80", "ab\xf0\x80\x80\x80", "ab\x80", "ab\xe2\x82"}) {
    EXPECT_EQ(ValidUtf8Prefix(bad), 2u) << bad;
  }
}

TEST(TextTest, TellsPrintableAsciiAtEveryPlace) {
  for (size_t size = 0; size <= 20; ++size) {
    std::string text(size, '~');
    EXPECT_TRUE(IsPrintableAscii(text)) << size;
    EXPECT_TRUE(IsPrintableAscii(std::string(size, ' '))) << size;
    for (size_t i = 0; i < size; ++i) {
      for (const char odd : {'\0', '\x1f', '\x7f', '\x80', '\xa0', '\xff'}) {
        text[i] = odd;
        EXPECT_FALSE(IsPrintableAscii(text)) << size << " " << i << " " << static_cast<int>(odd);
      }
      text[i] = '~';
    }
  }
}

TEST(TextTest, FindsControlCharacters) {
  EXPECT_EQ(FindControlCharacter("caf\xc3\xa9 \xc2\xa0"), absl::string_view::npos);
  EXPECT_EQ(FindControlCharacter("ab\n"), 2u);
  EXPECT_EQ(FindControlCharacter("ab\x7f"), 2u);
  EXPECT_EQ(FindControlCharacter("ab\xc2\x85"), 2u);
  EXPECT_EQ(FindControlCharacter(absl::string_view("\0", 1)), 0u);
}

TEST(TextTest, MakesValidUtf8WithinTheLimit) {
  EXPECT_EQ(ToUtf8("caf\xc3\xa9", 100), "caf\xc3\xa9");
  EXPECT_EQ(ToUtf8("caf\xc3\xa9", 4), "caf");
  EXPECT_EQ(ToUtf8("a\xff"
                   "b",
                   100),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(Quote("a\nb"), "'a\\nb'");
  EXPECT_EQ(Quote("\x7f\xc2\x9c\xc3\xa9"), "'\\177\\302\\234\xc3\xa9'");
  EXPECT_EQ(Quote(std::string(100, 'x')), "'" + std::string(64, 'x') + "…'");
}

}  // namespace
}  // namespace sluice::ingress
