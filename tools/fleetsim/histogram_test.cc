#include "tools/fleetsim/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace sluice::fleetsim {
namespace {

TEST(HistogramTest, EmptyIsZero) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.PercentileUs(50), 0);
  EXPECT_EQ(histogram.max_us(), 0);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.PercentileUs(50), 50);
  EXPECT_EQ(histogram.PercentileUs(99), 99);
  EXPECT_EQ(histogram.PercentileUs(100), 100);
  EXPECT_EQ(histogram.PercentileUs(0), 1);
}

TEST(HistogramTest, PercentilesAreRightToASixtyFourth) {
  constexpr int kSeed = 7;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  std::vector<int64_t> values;
  Histogram histogram;
  for (int i = 0; i < 100000; ++i) {
    values.push_back(int64_t(1) << (random() % 40));
    values.back() += random() % values.back();
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (double percent : {1.0, 25.0, 50.0, 90.0, 99.0, 99.9}) {
    const int64_t exact = values[static_cast<size_t>(percent / 100 * values.size()) - 1];
    EXPECT_GE(histogram.PercentileUs(percent), exact);
    EXPECT_LE(histogram.PercentileUs(percent), exact + exact / 60 + 1);
  }
  EXPECT_EQ(histogram.PercentileUs(100), values.back());
}

TEST(HistogramTest, ValuesOutOfRangeAreClamped) {
  Histogram histogram;
  histogram.Record(-5);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_EQ(histogram.PercentileUs(1), 0);
  EXPECT_EQ(histogram.max_us(), (int64_t{1} << 47) - 1);
}

TEST(HistogramTest, AddJoinsTwo) {
  Histogram a, b;
  a.Record(10);
  b.Record(20);
  a.Add(b);
  EXPECT_EQ(a.count(), 2);
  EXPECT_EQ(a.PercentileUs(50), 10);
  EXPECT_EQ(a.max_us(), 20);
}

}  // namespace
}  // namespace sluice::fleetsim
