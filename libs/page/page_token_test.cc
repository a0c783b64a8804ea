#include "libs/page/page_token.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(PageTokenTest, GivesBackTheKeyInTheSameContextOnly) {
  const std::string token = MakePageToken("ListDevices type = sensor", "pump-7");
  EXPECT_EQ(ParsePageToken("ListDevices type = sensor", token).value(), "pump-7");
  EXPECT_EQ(ParsePageToken("anything", "").value(), "");
  EXPECT_EQ(ParsePageToken("ListDevices", token).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PageTokenTest, RefusesWhatItDidNotMake) {
  for (const char* bad : {"x", "not base64!", "AAAAAAAAAAAAAAAA", "=", "AAAA"}) {
    EXPECT_EQ(ParsePageToken("c", bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(PageSizeTest, ZeroMeansTheDefaultAndTheRangeHolds) {
  EXPECT_EQ(PageSize(0).value(), 100);
  EXPECT_EQ(PageSize(1000).value(), 1000);
  EXPECT_FALSE(PageSize(1001).ok());
  EXPECT_EQ(PageSize(-1).status().message(), "page_size: is -1; must be 0 to 1000");
}

}  // namespace
}  // namespace sluice
