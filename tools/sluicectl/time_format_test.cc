#include "tools/sluicectl/time_format.h"

#include <gtest/gtest.h>

namespace sluice::sluicectl {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(TimeTextTest, IsLocalToTheZone) {
  const absl::Time time = kNow + absl::Milliseconds(250);
  EXPECT_EQ(TimeText(time, absl::UTCTimeZone()), "2023-11-14 22:13:20");
  EXPECT_EQ(TimeText(time, absl::FixedTimeZone(3600), true), "2023-11-14 23:13:20.250");
}

TEST(AgeTextTest, GrowsCoarserWithAge) {
  EXPECT_EQ(AgeText(kNow, kNow), "now");
  EXPECT_EQ(AgeText(kNow - absl::Milliseconds(999), kNow), "now");
  EXPECT_EQ(AgeText(kNow - absl::Seconds(12), kNow), "12s ago");
  EXPECT_EQ(AgeText(kNow - absl::Seconds(119), kNow), "1m ago");
  EXPECT_EQ(AgeText(kNow - absl::Hours(23), kNow), "23h ago");
  EXPECT_EQ(AgeText(kNow - absl::Hours(49), kNow), "2d ago");
  EXPECT_EQ(AgeText(kNow + absl::Seconds(90), kNow), "in 1m");
}

TEST(DurationTextTest, ShowsTwoUnits) {
  EXPECT_EQ(DurationText(absl::Milliseconds(250)), "250ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(1500)), "1.5s");
  EXPECT_EQ(DurationText(absl::Seconds(330)), "5m30s");
  EXPECT_EQ(DurationText(absl::Minutes(200)), "3h20m");
  EXPECT_EQ(DurationText(absl::Hours(24)), "1d");
  EXPECT_EQ(DurationText(absl::Hours(100)), "4d4h");
}

TEST(ParseDurationTest, TakesWhatPeopleWrite) {
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("7d"), absl::Hours(168));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
}

TEST(ParseDurationTest, RefusesTheRest) {
  for (const char* text :
       {"", "10", "s", "-5s", "inf", "-inf", "nand", "infd", "1e99d", "5 s", "d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
  EXPECT_EQ(ParseDuration("10\x1b").status().message(),
            "'10\\x1b' is not a duration such as 500ms, 10s, 5m, 24h or 7d");
}

TEST(ParseTimeTest, TakesRfc3339) {
  EXPECT_EQ(*ParseTime("2023-11-14T22:13:20Z"), kNow);
  EXPECT_EQ(*ParseTime("2023-11-14T23:13:20.25+01:00"), kNow + absl::Milliseconds(250));
  for (const char* text : {"", "now", "2023-11-14", "1700000000", "infinite-future",
                           "2023-13-14T22:13:20Z", "99999-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseTime(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice::sluicectl
