#include "tools/sluicectl/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::sluicectl {
namespace {

using ::testing::ElementsAre;

// Three pages: tokens "", "1", "2".
class PagesTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Fetch(const PageOptions& options) {
    return FetchPages(options, [&](int32_t page_size, const std::string& token) {
      page_size_ = page_size;
      tokens_.push_back(token);
      const std::string next = token.empty() ? "1" : token == "1" ? "2" : "";
      return absl::StatusOr<std::string>(next);
    });
  }

  int32_t page_size_ = -1;
  std::vector<std::string> tokens_;
};

TEST_F(PagesTest, OnePageUnlessAllAreWanted) {
  EXPECT_EQ(*Fetch({}), "1");
  EXPECT_THAT(tokens_, ElementsAre(""));
  EXPECT_EQ(page_size_, 0);
}

TEST_F(PagesTest, AllFromWhereItIsToldToBegin) {
  PageOptions options;
  options.all = true;
  options.page_token = "1";
  EXPECT_EQ(*Fetch(options), "");
  EXPECT_THAT(tokens_, ElementsAre("1", "2"));
  EXPECT_EQ(page_size_, 1000);
}

TEST(FetchPagesTest, AServiceThatGoesInCirclesDoesNotKeepUs) {
  PageOptions options;
  options.all = true;
  const auto result = FetchPages(
      options, [](int32_t, const std::string&) { return absl::StatusOr<std::string>("same"); });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace sluice::sluicectl
