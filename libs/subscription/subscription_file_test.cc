#include "libs/subscription/subscription_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "libs/file/atomic_file.h"
#include "sluice/state/v1/subscriptions.pb.h"

namespace sluice {
namespace {

class SubscriptionFileTest : public ::testing::Test {
 protected:
  SubscriptionFileTest() {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/subscriptionsXXXXXX";
    path_ = std::string(mkdtemp(pattern.data())) + "/subscriptions";
  }
  std::string path_;
};

TEST_F(SubscriptionFileTest, GivesBackWhatWasWritten) {
  StoredSubscriptions written;
  written["cloud"] = {17, 3, absl::Hours(5), absl::FromUnixSeconds(1), absl::FromUnixSeconds(2)};
  written["app"].cursor = 4;
  ASSERT_TRUE(WriteSubscriptions(path_, "j", written).ok());
  auto read = ReadSubscriptions(path_, "j").value();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read["cloud"].cursor, 17);
  EXPECT_EQ(read["cloud"].epoch, 3);
  EXPECT_EQ(read["cloud"].expire_after, absl::Hours(5));
  EXPECT_EQ(read["cloud"].create_time, absl::FromUnixSeconds(1));
  EXPECT_EQ(read["cloud"].last_used_time, absl::FromUnixSeconds(2));
  EXPECT_EQ(read["app"].expire_after, absl::InfiniteDuration());
}

TEST_F(SubscriptionFileTest, CursorsOfAnotherJournalStartAnew) {
  StoredSubscriptions written;
  written["cloud"].cursor = 17;
  written["cloud"].epoch = 3;
  ASSERT_TRUE(WriteSubscriptions(path_, "j", written).ok());
  auto read = ReadSubscriptions(path_, "k").value();
  EXPECT_EQ(read["cloud"].cursor, 0);
  EXPECT_EQ(read["cloud"].epoch, 3);
}

TEST_F(SubscriptionFileTest, NoFlippedBitPassesForACursor) {
  StoredSubscriptions written;
  written["cloud"] = {17, 3, absl::Hours(5), absl::FromUnixSeconds(1), absl::FromUnixSeconds(2)};
  ASSERT_TRUE(WriteSubscriptions(path_, "j", written).ok());
  const std::string whole = ReadFile(path_, 1 << 20).value();
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    ASSERT_TRUE(ReplaceFile(path_, damaged).ok());
    EXPECT_FALSE(ReadSubscriptions(path_, "j").ok()) << "bit " << bit;
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_TRUE(ReplaceFile(path_, whole.substr(0, size)).ok());
    EXPECT_FALSE(ReadSubscriptions(path_, "j").ok()) << "the first " << size << " bytes";
  }
}

TEST_F(SubscriptionFileTest, ToldApartWhatIsMissingDamagedOrNewer) {
  EXPECT_TRUE(ReadSubscriptions(path_, "j")->empty());
  for (const char* damaged : {"", "\xff\xff\xff", "hello"}) {
    ASSERT_TRUE(ReplaceFile(path_, damaged).ok());
    EXPECT_EQ(ReadSubscriptions(path_, "j").status().code(), absl::StatusCode::kDataLoss);
  }
  state::v1::Subscriptions newer;
  newer.set_format_version(2);
  ASSERT_TRUE(ReplaceFile(path_, newer.SerializeAsString()).ok());
  EXPECT_EQ(ReadSubscriptions(path_, "j").status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice
