#include "tools/fleetsim/signal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace sluice::fleetsim {
namespace {

TEST(SignalTest, NoiseHasTheMeanAndDeviationAskedFor) {
  SignalOptions options;
  options.standard_deviation = 2.0;
  const Signal signal(options);
  constexpr int kCount = 20000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double deviation = signal.Thousandths(3, i, false) / 1000.0 - signal.Mean(3);
    sum += deviation;
    squares += deviation * deviation;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.06);
  EXPECT_NEAR(std::sqrt(squares / kCount), 2.0, 0.06);
}

TEST(SignalTest, MeansDifferAndStayWithinTheSpread) {
  const Signal signal(SignalOptions{});
  EXPECT_NE(signal.Mean(0), signal.Mean(1));
  for (int device = 0; device < 1000; ++device) {
    EXPECT_LE(std::fabs(signal.Mean(device) - 25.0), 10.0);
  }
}

TEST(SignalTest, AnomaliesLieAtLeastEightDeviationsAbove) {
  SignalOptions options;
  const Signal signal(options);
  for (int i = 0; i < 1000; ++i) {
    const double distance = signal.Thousandths(1, i, true) / 1000.0 - signal.Mean(1);
    EXPECT_GE(distance, 8.0 * options.standard_deviation - 0.001);
  }
}

TEST(SignalTest, SameSeedSameValuesOtherSeedOthers) {
  SignalOptions other;
  other.seed = 2;
  const Signal a{SignalOptions{}}, b{SignalOptions{}}, c{other};
  int different = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(a.Thousandths(5, i, false), b.Thousandths(5, i, false));
    different += a.Thousandths(5, i, false) != c.Thousandths(5, i, false);
  }
  EXPECT_GT(different, 90);
}

TEST(SignalTest, ValuesAreClampedToWhatCanCarryATag) {
  SignalOptions options;
  options.mean = 5000;
  EXPECT_EQ(Signal(options).Thousandths(0, 0, false), 999'999);
}

TEST(TagTest, IsWrittenBehindTheThirdDigit) {
  std::string text;
  AppendTagged(21'345, 42, &text);
  EXPECT_EQ(text, "21.345000000042");
  text.clear();
  AppendTagged(-7, 123'456'789, &text);
  EXPECT_EQ(text, "-0.007123456789");
  text.clear();
  AppendTagged(0, 0, &text);
  EXPECT_EQ(text, "0.000000000000");
}

TEST(TagTest, EveryTagSurvivesTheWayThroughADouble) {
  for (int64_t thousandths : {0, 1, -1, 999, 21'345, -21'345, 512'000, 999'999, -999'999}) {
    for (int64_t tag = 0; tag <= kMaxTag; tag += 999'983) {
      std::string text;
      AppendTagged(thousandths, tag, &text);
      ASSERT_EQ(TagOf(std::strtod(text.c_str(), nullptr)), tag) << text;
    }
    std::string text;
    AppendTagged(thousandths, kMaxTag, &text);
    ASSERT_EQ(TagOf(std::strtod(text.c_str(), nullptr)), kMaxTag) << text;
  }
}

TEST(TagTest, ForeignValuesHaveNone) {
  EXPECT_EQ(TagOf(1000.0), absl::nullopt);
  EXPECT_EQ(TagOf(std::numeric_limits<double>::infinity()), absl::nullopt);
  EXPECT_EQ(TagOf(std::nan("")), absl::nullopt);
}

}  // namespace
}  // namespace sluice::fleetsim
