#include "services/ingress/intake/device_rates.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

TEST(DeviceRatesTest, WithoutALimitNothingIsKept) {
  DeviceRates rates(0, 0);
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(rates.Count("a", absl::ZeroDuration()), absl::Duration());
  EXPECT_EQ(rates.size(), 0u);
}

TEST(DeviceRatesTest, ASteadyDeviceIsNeverPaused) {
  DeviceRates rates(10, 20);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(rates.Count("a", absl::Milliseconds(100 * i)), absl::Duration()) << i;
  }
}

TEST(DeviceRatesTest, PausesUntilTheRateIsKeptAgain) {
  DeviceRates rates(10, 20);
  // The burst of two seconds.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rates.Count("a", absl::Seconds(5)), absl::Duration()) << i;
  EXPECT_EQ(rates.Count("a", absl::Seconds(5)), absl::Milliseconds(100));
  EXPECT_EQ(rates.Count("a", absl::Seconds(5)), absl::Milliseconds(200));
  EXPECT_EQ(rates.Count("b", absl::Seconds(5)), absl::Duration()) << "another device";
  EXPECT_EQ(rates.Count("a", absl::Seconds(6)), absl::Duration()) << "after the pause";
}

TEST(DeviceRatesTest, NoPauseIsLongerThanAMinute) {
  DeviceRates rates(0.01, 0.02);
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(rates.Count("a", absl::ZeroDuration()), absl::Minutes(1));
  }
}

TEST(DeviceRatesTest, WhatIsBeyondTheRateMayBeRefusedAndCostsNothing) {
  DeviceRates rates(10, 20);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rates.TryCount("a", absl::Seconds(5)), absl::Duration());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(rates.TryCount("a", absl::Seconds(5)), absl::Milliseconds(100));
  }
  EXPECT_EQ(rates.TryCount("b", absl::Seconds(5)), absl::Duration()) << "another device";
  EXPECT_EQ(rates.TryCount("a", absl::Milliseconds(5100)), absl::Duration());
  EXPECT_EQ(rates.TryCount("a", absl::Milliseconds(5150)), absl::Milliseconds(50));
}

TEST(DeviceRatesTest, ABucketHoldsOneMessageAtLeast) {
  DeviceRates rates(0.1, 0);
  EXPECT_EQ(rates.TryCount("a", absl::Seconds(5)), absl::Duration());
  EXPECT_EQ(rates.TryCount("a", absl::Seconds(5)), absl::Seconds(10));
  EXPECT_EQ(rates.TryCount("a", absl::Seconds(15)), absl::Duration());
}

TEST(DeviceRatesTest, KeepsNoMoreThanItsMost) {
  DeviceRates rates(1, 2);
  for (size_t i = 0; i < DeviceRates::kMaxDevices; ++i) {
    rates.Count(std::to_string(i), absl::ZeroDuration());
  }
  EXPECT_EQ(rates.Count("one more", absl::ZeroDuration()), absl::Duration());
  EXPECT_EQ(rates.size(), DeviceRates::kMaxDevices);
  rates.Count("later", absl::Seconds(3));
  EXPECT_EQ(rates.size(), 1u) << "those whose buckets are full again are forgotten";
}

}  // namespace
}  // namespace sluice::ingress
