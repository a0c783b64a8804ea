#include "libs/proto_time/proto_time.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ProtoTimeTest, ATimeBefore1970HasPositiveNanoseconds) {
  const auto timestamp = ToProto(absl::UnixEpoch() - absl::Nanoseconds(1));
  EXPECT_EQ(timestamp.seconds(), -1);
  EXPECT_EQ(timestamp.nanos(), 999'999'999);
}

TEST(ProtoTimeTest, ANegativeDurationIsNegativeInBothParts) {
  const auto duration = ToProto(-absl::Milliseconds(1500));
  EXPECT_EQ(duration.seconds(), -1);
  EXPECT_EQ(duration.nanos(), -500'000'000);
}

TEST(ProtoTimeTest, NothingIsLostOnTheWayThereAndBack) {
  for (const int64_t ns : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1'700'000'000'123'456'789},
                           int64_t{-1'700'000'000'123'456'789}}) {
    EXPECT_EQ(FromProto(ToProto(absl::FromUnixNanos(ns))), absl::FromUnixNanos(ns));
    EXPECT_EQ(FromProto(ToProto(absl::Nanoseconds(ns))), absl::Nanoseconds(ns));
  }
}

TEST(ProtoTimeTest, WhatIsFinerThanANanosecondIsCutOff) {
  const absl::Duration finer = absl::Nanoseconds(7) + absl::Nanoseconds(1) / 2;
  EXPECT_EQ(FromProto(ToProto(finer)), absl::Nanoseconds(7));
  EXPECT_EQ(FromProto(ToProto(absl::UnixEpoch() + finer)), absl::FromUnixNanos(7));
}

}  // namespace
}  // namespace sluice
