#include "services/analytics/detection/sliding_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace sluice::analytics {
namespace {

// The same by definition, in two passes of long doubles.
struct Naive {
  explicit Naive(size_t capacity) : capacity(capacity) {}
  void Add(double value) {
    samples.push_back(value);
    if (samples.size() > capacity) samples.pop_front();
  }
  long double mean() const {
    // From a sample on, so that the sum of large values keeps its low digits.
    long double sum = 0;
    for (const double x : samples) sum += static_cast<long double>(x) - samples.front();
    return samples.front() + sum / samples.size();
  }
  double deviation() const {
    if (samples.size() < 2) return 0;
    const long double center = mean();
    long double sum = 0;
    for (const double x : samples) sum += (x - center) * (x - center);
    return static_cast<double>(std::sqrt(sum / (samples.size() - 1)));
  }
  double min() const { return *std::min_element(samples.begin(), samples.end()); }
  double max() const { return *std::max_element(samples.begin(), samples.end()); }

  size_t capacity;
  std::deque<double> samples;
};

uint64_t Bits(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

void ExpectSame(const WindowStatistics& a, const WindowStatistics& b) {
  EXPECT_EQ(a.size_samples, b.size_samples);
  EXPECT_EQ(Bits(a.mean), Bits(b.mean));
  EXPECT_EQ(Bits(a.standard_deviation), Bits(b.standard_deviation));
  EXPECT_EQ(Bits(a.min), Bits(b.min));
  EXPECT_EQ(Bits(a.max), Bits(b.max));
}

// Feeds `count` samples of `source` and compares with the definition after every `stride`.
void ExpectFollowsDefinition(int capacity, int count, int stride, double tolerance,
                             const std::function<double()>& source) {
  SlidingWindow window(capacity);
  Naive naive(capacity);
  for (int i = 0; i < count; ++i) {
    const double value = source();
    window.Add(value);
    naive.Add(value);
    if (i % stride != 0) continue;
    ASSERT_EQ(window.size(), static_cast<int>(naive.samples.size()));
    ASSERT_EQ(window.min(), naive.min()) << "sample " << i;
    ASSERT_EQ(window.max(), naive.max()) << "sample " << i;
    const double deviation = naive.deviation();
    const double mean = static_cast<double>(naive.mean());
    ASSERT_NEAR(window.standard_deviation(), deviation, tolerance * deviation) << "sample " << i;
    ASSERT_NEAR(window.mean(), mean, 4e-16 * std::abs(mean) + tolerance * deviation)
        << "sample " << i;
  }
}

class SlidingWindowTest : public testing::Test {
 protected:
  SlidingWindowTest() : seed_(std::random_device()()), random_(seed_) {}
  void TearDown() override {
    if (HasFailure()) ADD_FAILURE() << "seed " << seed_;
  }

  unsigned seed_;
  std::mt19937_64 random_;
};

TEST_F(SlidingWindowTest, IsEmptyAtFirst) {
  const WindowStatistics statistics = SlidingWindow(10).statistics();
  EXPECT_EQ(statistics.size_samples, 0);
  EXPECT_EQ(statistics.mean, 0);
  EXPECT_EQ(statistics.standard_deviation, 0);
  EXPECT_EQ(statistics.min, 0);
  EXPECT_EQ(statistics.max, 0);
}

TEST_F(SlidingWindowTest, GivesTheTextbooksNumbers) {
  SlidingWindow window(8);
  for (const double value : {2., 4., 4., 4., 5., 5., 7., 9.}) window.Add(value);
  EXPECT_DOUBLE_EQ(window.mean(), 5.0);
  EXPECT_DOUBLE_EQ(window.standard_deviation(), std::sqrt(32.0 / 7.0));
  EXPECT_EQ(window.min(), 2);
  EXPECT_EQ(window.max(), 9);
  window.Add(5);  // the 2 goes
  EXPECT_DOUBLE_EQ(window.mean(), 43.0 / 8.0);
  EXPECT_EQ(window.min(), 4);
}

TEST_F(SlidingWindowTest, OneSampleHasNoDeviation) {
  SlidingWindow window(3);
  window.Add(1e300);
  EXPECT_EQ(window.mean(), 1e300);
  EXPECT_EQ(window.standard_deviation(), 0);
  EXPECT_EQ(window.min(), 1e300);
  EXPECT_EQ(window.max(), 1e300);
}

TEST_F(SlidingWindowTest, FollowsTheDefinitionForEverySize) {
  std::normal_distribution<double> normal(20, 3);
  for (const int capacity : {2, 3, 5, 63, 64, 65, 100, 128, 1000}) {
    SCOPED_TRACE(capacity);
    ExpectFollowsDefinition(capacity, 5000, 1, 1e-10, [&] { return normal(random_); });
  }
}

TEST_F(SlidingWindowTest, FollowsTheDefinitionForTiesStepsAndRamps) {
  double ramp = 0;
  std::uniform_int_distribution<int> few(0, 3);
  std::uniform_int_distribution<int> percent(0, 99);
  ExpectFollowsDefinition(100, 20'000, 1, 1e-9, [&] { return few(random_); });
  ExpectFollowsDefinition(100, 20'000, 1, 1e-9, [&] { return ramp += 0.1; });
  ExpectFollowsDefinition(100, 20'000, 1, 1e-9, [&] { return ramp -= 0.1; });
  double level = 0;
  ExpectFollowsDefinition(100, 20'000, 1, 1e-9, [&] {
    if (percent(random_) == 0) level = level == 0 ? 1e6 : 0;
    return level + few(random_) * 1e-3;
  });
}

TEST_F(SlidingWindowTest, KeepsTinyNoiseOnALargeOffsetOverMillionsOfSamples) {
  std::normal_distribution<double> noise(0, 1e-4);
  ExpectFollowsDefinition(100, 3'000'000, 997, 1e-9, [&] { return 1e9 + noise(random_); });
}

TEST_F(SlidingWindowTest, ForgetsSpikesCompletely) {
  std::normal_distribution<double> noise(0, 1e-3);
  std::uniform_real_distribution<double> magnitude(3, 15);
  int i = 0;
  ExpectFollowsDefinition(100, 50'000, 1, 1e-9, [&] {
    return ++i % 331 == 0 ? std::pow(10, magnitude(random_)) : 20 + noise(random_);
  });
}

TEST_F(SlidingWindowTest, StaysSoundOverTheWholeRangeOfDoubles) {
  std::uniform_real_distribution<double> mantissa(-1, 1);
  std::uniform_int_distribution<int> exponent(-1000, 1000);
  ExpectFollowsDefinition(20, 50'000, 1, 1e-6,
                          [&] { return std::ldexp(mantissa(random_), exponent(random_)); });
  ExpectFollowsDefinition(20, 5'000, 1, 1e-9, [&] { return mantissa(random_) * 1e-250; });
  ExpectFollowsDefinition(20, 5'000, 1, 1e-9, [&] { return mantissa(random_) * 1e300; });
  const double largest = std::numeric_limits<double>::max();
  SlidingWindow window(2);
  for (int i = 0; i < 10; ++i) {
    window.Add(i % 2 == 0 ? largest : -largest);
    EXPECT_TRUE(std::isfinite(window.mean()));
    EXPECT_TRUE(std::isfinite(window.standard_deviation()));
  }
  EXPECT_GT(window.standard_deviation(), 1e308);
}

TEST_F(SlidingWindowTest, EqualSamplesHaveExactlyNoDeviation) {
  SlidingWindow window(50);
  std::normal_distribution<double> normal(0.1, 1e6);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 37; ++i) window.Add(normal(random_));
    const double constant = normal(random_);
    for (int i = 0; i < 50; ++i) window.Add(constant);
    for (int i = 0; i < 120; ++i) {
      ASSERT_EQ(window.standard_deviation(), 0) << i;
      ASSERT_EQ(window.mean(), constant) << i;
      window.Add(constant);
    }
  }
}

TEST_F(SlidingWindowTest, TheSmallestDifferenceIsADeviation) {
  for (const double value : {1.0, 1e9, 1e300, 1e-300, -0.1}) {
    SlidingWindow window(10);
    for (int i = 0; i < 25; ++i) window.Add(value);
    window.Add(std::nextafter(value, 0));
    EXPECT_GT(window.standard_deviation(), 0) << value;
    EXPECT_LE(window.mean(), window.max());
    EXPECT_GE(window.mean(), window.min());
  }
}

TEST_F(SlidingWindowTest, GoesOnBitForBitFromItsState) {
  std::normal_distribution<double> normal(1e6, 0.5);
  std::uniform_int_distribution<int> percent(0, 99);
  const auto next = [&] {
    return percent(random_) == 0 ? 1e12 : std::round(normal(random_) * 8) / 8;
  };
  for (const int samples : {0, 1, 2, 63, 99, 100, 101, 150, 199, 200, 1234}) {
    SCOPED_TRACE(samples);
    SlidingWindow original(100);
    for (int i = 0; i < samples; ++i) original.Add(next());
    std::vector<double> kept(original.size());
    original.CopySamples(kept.data());
    auto copy = SlidingWindow::Restore(100, kept, original.moments());
    ASSERT_TRUE(copy.ok()) << copy.status();
    ExpectSame(copy->statistics(), original.statistics());
    for (int i = 0; i < 500; ++i) {
      const double value = next();
      original.Add(value);
      copy->Add(value);
      ExpectSame(copy->statistics(), original.statistics());
      if (HasFailure()) return;
    }
  }
}

TEST_F(SlidingWindowTest, GivesItsSamplesInOrder) {
  SlidingWindow window(4);
  for (int i = 1; i <= 6; ++i) window.Add(i);
  std::vector<double> samples(4);
  window.CopySamples(samples.data());
  EXPECT_EQ(samples, (std::vector<double>{3, 4, 5, 6}));
}

TEST_F(SlidingWindowTest, RefusesAStateThatNoWindowHas) {
  SlidingWindow window(4);
  for (int i = 1; i <= 6; ++i) window.Add(i);
  std::vector<double> samples(4);
  window.CopySamples(samples.data());
  const SlidingWindow::Moments good = window.moments();
  ASSERT_TRUE(SlidingWindow::Restore(4, samples, good).ok());
  const auto refused = [&](const std::function<void(SlidingWindow::Moments*)>& spoil) {
    SlidingWindow::Moments moments = good;
    spoil(&moments);
    return !SlidingWindow::Restore(4, samples, moments).ok();
  };
  EXPECT_TRUE(refused([](auto* m) { m->next_index = 4; }));
  EXPECT_TRUE(refused([](auto* m) { m->next_index = -1; }));
  EXPECT_TRUE(refused([](auto* m) { m->scale = 0; }));
  EXPECT_TRUE(refused([](auto* m) { m->scale = 3; }));
  EXPECT_TRUE(refused([](auto* m) { m->scale = -1; }));
  EXPECT_TRUE(refused([](auto* m) { m->squares = -1; }));
  EXPECT_TRUE(refused([](auto* m) { m->floor = 0; }));
  EXPECT_TRUE(refused([](auto* m) { m->mean = std::nan(""); }));
  EXPECT_FALSE(SlidingWindow::Restore(3, samples, good).ok());
  EXPECT_FALSE(SlidingWindow::Restore(5, samples, good).ok());
  samples[2] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(SlidingWindow::Restore(4, samples, good).ok());
}

}  // namespace
}  // namespace sluice::analytics
