#include "services/ingress/intake/heard_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "libs/clock/fake_clock.h"

namespace sluice::ingress {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class HeardDevicesTest : public ::testing::Test {
 protected:
  void Hear(const std::string& id) { heard_.Heard(id, MomentOf(clock_)); }
  std::vector<std::string> Take(int64_t forwarded_offset = 0, size_t max = 100) {
    taken_ = heard_.Take(max, forwarded_offset);
    std::vector<std::string> ids;
    for (const auto& sighting : taken_) ids.push_back(sighting.device_id);
    return ids;
  }

  FakeClock clock_;
  HeardDevices heard_{&clock_};
  std::vector<HeardDevices::Sighting> taken_;
};

TEST_F(HeardDevicesTest, TellsEachDeviceOnceWithItsNewestTime) {
  Hear("a");
  Hear("b");
  clock_.Advance(absl::Seconds(1));
  Hear("a");
  EXPECT_THAT(Take(), UnorderedElementsAre("a", "b"));
  for (const auto& sighting : taken_) {
    EXPECT_EQ(sighting.last_seen,
              clock_.Now() - (sighting.device_id == "a" ? absl::ZeroDuration() : absl::Seconds(1)));
  }
  EXPECT_THAT(Take(), IsEmpty());
  Hear("b");
  EXPECT_THAT(Take(), UnorderedElementsAre("b"));
}

TEST_F(HeardDevicesTest, WhatCameNobodyKnowsWhenSaysNothing) {
  heard_.Heard("a", {clock_.Now(), -absl::InfiniteDuration()});
  EXPECT_EQ(heard_.size(), 0u);
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(HeardDevicesTest, KeepsWhatDoesNotFitForTheNextTime) {
  for (const char* id : {"a", "b", "c"}) Hear(id);
  EXPECT_EQ(Take(0, 2).size(), 2u);
  EXPECT_EQ(Take(0, 2).size(), 1u);
  EXPECT_THAT(Take(0, 2), IsEmpty());
}

TEST_F(HeardDevicesTest, AStatusOvertakesSightingsBeforeIt) {
  Hear("a");
  heard_.StatusReported("a", clock_.Uptime(), 7);
  EXPECT_THAT(Take(100), IsEmpty());
}

TEST_F(HeardDevicesTest, ASightingAfterAStatusWaitsForIt) {
  heard_.StatusReported("a", clock_.Uptime(), 7);
  Hear("a");
  EXPECT_THAT(Take(7), IsEmpty());
  EXPECT_THAT(Take(7), IsEmpty());
  EXPECT_THAT(Take(8), UnorderedElementsAre("a"));
}

TEST_F(HeardDevicesTest, WhatCameBeforeAStatusSaysNothingHoweverLateItIsTold) {
  for (const absl::Duration jump : {-absl::Hours(1), absl::ZeroDuration(), absl::Hours(1)}) {
    const Moment before = MomentOf(clock_);
    clock_.Advance(absl::Seconds(1));
    // Somebody sets the wall clock.
    clock_.Jump(jump);
    heard_.StatusReported("a", clock_.Uptime(), 7);
    heard_.Heard("a", before);
    EXPECT_THAT(Take(100), IsEmpty()) << jump;
    heard_.TellAgain();
    EXPECT_THAT(Take(100), IsEmpty()) << jump;

    clock_.Advance(absl::Seconds(1));
    clock_.Jump(jump);
    Hear("a");
    ASSERT_THAT(Take(100), UnorderedElementsAre("a")) << jump;
    EXPECT_EQ(taken_[0].last_seen, clock_.Now());
  }
}

TEST_F(HeardDevicesTest, AnOlderMessageToldLaterIsNoNews) {
  for (const absl::Duration jump : {-absl::Hours(1), absl::ZeroDuration(), absl::Hours(1)}) {
    const Moment before = MomentOf(clock_);
    clock_.Advance(absl::Seconds(1));
    clock_.Jump(jump);
    Hear("a");
    heard_.Heard("a", before);
    ASSERT_THAT(Take(), UnorderedElementsAre("a"));
    EXPECT_EQ(taken_[0].last_seen, clock_.Now());
    heard_.Heard("a", before);
    EXPECT_THAT(Take(), IsEmpty());
  }
}

TEST_F(HeardDevicesTest, GivesBackWhatNothingOvertook) {
  Hear("a");
  Hear("b");
  EXPECT_EQ(Take().size(), 2u);
  heard_.StatusReported("a", clock_.Uptime(), 3);
  heard_.GiveBack(taken_);
  EXPECT_THAT(Take(100), UnorderedElementsAre("b"));
}

TEST_F(HeardDevicesTest, TellsThoseHeardLatelyAgain) {
  Hear("silent");
  clock_.Advance(HeardDevices::kLately);
  Hear("a");
  Hear("gone");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Take().size(), 3u);
  heard_.StatusReported("gone", clock_.Uptime(), 0);
  heard_.TellAgain();
  EXPECT_THAT(Take(100), UnorderedElementsAre("a"));
}

TEST_F(HeardDevicesTest, IsBoundedAndForgetsTheSilent) {
  for (size_t i = 0; i < HeardDevices::kMaxDevices + 3; ++i) Hear(std::to_string(i));
  EXPECT_EQ(heard_.size(), HeardDevices::kMaxDevices);
  EXPECT_EQ(heard_.dropped(), 3);
  clock_.Advance(HeardDevices::kLately + absl::Seconds(1));
  EXPECT_EQ(Take(0, HeardDevices::kMaxDevices).size(), HeardDevices::kMaxDevices);
  EXPECT_EQ(heard_.size(), 0u);
  Hear("one more");
  EXPECT_THAT(Take(), UnorderedElementsAre("one more"));
}

}  // namespace
}  // namespace sluice::ingress
