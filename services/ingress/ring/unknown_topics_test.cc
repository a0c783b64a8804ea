#include "services/ingress/ring/unknown_topics.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

TEST(UnknownTopicsTest, KeepsTheLastOnesWithWhoUsedThem) {
  UnknownTopics topics;
  EXPECT_TRUE(topics.List().empty());
  const absl::Time start = absl::FromUnixSeconds(1'700'000'000);
  for (int i = 0; i < 150; ++i) {
    topics.Saw("devices/a/t" + std::to_string(i), start + absl::Seconds(i), "c", "u");
  }
  ASSERT_EQ(topics.List().size(), UnknownTopics::kMaxTopics);
  EXPECT_EQ(topics.List().front().topic, "devices/a/t149");
  EXPECT_EQ(topics.List().back().topic, "devices/a/t50");

  topics.Saw("devices/a/t50", start + absl::Hours(1), "other", "");
  const auto list = topics.List();
  ASSERT_EQ(list.size(), UnknownTopics::kMaxTopics);
  EXPECT_EQ(list.front().topic, "devices/a/t50");
  EXPECT_EQ(list.front().sightings, 2);
  EXPECT_EQ(list.front().last_time, start + absl::Hours(1));
  EXPECT_EQ(list.front().client_id, "other");
  EXPECT_EQ(list.front().username, "");
  EXPECT_EQ(list.back().topic, "devices/a/t51");
}

TEST(UnknownTopicsTest, BytesThatAreNoTextAreShownAsSuch) {
  UnknownTopics topics;
  topics.Saw(absl::string_view("devices/\xff", 9), absl::UnixEpoch(), "\xfe", "");
  EXPECT_EQ(topics.List().front().topic, "devices/\xEF\xBF\xBD");
  EXPECT_EQ(topics.List().front().client_id, "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace sluice::ingress
