#include "services/analytics/detection/anomaly_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice::analytics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const AnomalyDetector kDetector(3.0, 30);

WindowStatistics Window(int size, double mean, double deviation) {
  return {size, mean, deviation, mean - deviation, mean + deviation};
}

TEST(AnomalyDetectorTest, MeasuresInDeviationsFromTheMean) {
  const Judgement high = kDetector.Judge(28, Window(100, 20, 2));
  EXPECT_DOUBLE_EQ(high.z_score, 4);
  EXPECT_DOUBLE_EQ(high.confidence, 0.6);
  EXPECT_DOUBLE_EQ(high.anomaly_score, 0.4);
  EXPECT_TRUE(high.is_anomaly);

  const Judgement low = kDetector.Judge(12, Window(100, 20, 2));
  EXPECT_DOUBLE_EQ(low.z_score, -4);
  EXPECT_DOUBLE_EQ(low.confidence, 0.6);
  EXPECT_DOUBLE_EQ(low.anomaly_score, 0.4);
  EXPECT_TRUE(low.is_anomaly);
}

TEST(AnomalyDetectorTest, WhatLiesOnTheThresholdIsNoAnomaly) {
  EXPECT_FALSE(kDetector.Judge(26, Window(100, 20, 2)).is_anomaly);
  EXPECT_TRUE(kDetector.Judge(std::nextafter(26, 27), Window(100, 20, 2)).is_anomaly);
}

TEST(AnomalyDetectorTest, ScoresEndAtTenDeviations) {
  const Judgement judgement = kDetector.Judge(1000, Window(100, 20, 2));
  EXPECT_DOUBLE_EQ(judgement.z_score, 490);
  EXPECT_EQ(judgement.confidence, 0);
  EXPECT_EQ(judgement.anomaly_score, 1);
}

TEST(AnomalyDetectorTest, JudgesNothingDuringTheWarmUp) {
  const Judgement early = kDetector.Judge(1000, Window(29, 20, 2));
  EXPECT_EQ(early.z_score, 0);
  EXPECT_EQ(early.confidence, 1);
  EXPECT_EQ(early.anomaly_score, 0);
  EXPECT_FALSE(early.is_anomaly);
  EXPECT_TRUE(kDetector.Judge(1000, Window(30, 20, 2)).is_anomaly);
}

TEST(AnomalyDetectorTest, AnythingElseThanAConstantIsInfinitelyFar) {
  const Judgement same = kDetector.Judge(20, Window(100, 20, 0));
  EXPECT_EQ(same.z_score, 0);
  EXPECT_FALSE(same.is_anomaly);

  const Judgement above = kDetector.Judge(std::nextafter(20, 21), Window(100, 20, 0));
  EXPECT_EQ(above.z_score, kInfinity);
  EXPECT_EQ(above.confidence, 0);
  EXPECT_EQ(above.anomaly_score, 1);
  EXPECT_TRUE(above.is_anomaly);

  EXPECT_EQ(kDetector.Judge(19, Window(100, 20, 0)).z_score, -kInfinity);
}

TEST(AnomalyDetectorTest, IsNeverNaN) {
  const double extremes[] = {0,
                             -0.0,
                             1,
                             -1,
                             5e-324,
                             -5e-324,
                             1e-300,
                             1e300,
                             -1e300,
                             1e308,
                             -1e308,
                             std::numeric_limits<double>::max(),
                             std::numeric_limits<double>::lowest()};
  for (const double value : extremes) {
    for (const double mean : extremes) {
      for (const double deviation : extremes) {
        if (deviation < 0) continue;
        const Judgement judgement = kDetector.Judge(value, Window(50, mean, deviation));
        EXPECT_FALSE(std::isnan(judgement.z_score)) << value << " " << mean << " " << deviation;
        EXPECT_GE(judgement.confidence, 0);
        EXPECT_LE(judgement.confidence, 1);
        EXPECT_GE(judgement.anomaly_score, 0);
        EXPECT_LE(judgement.anomaly_score, 1);
        if (value != mean && judgement.z_score != 0) {
          EXPECT_EQ(judgement.z_score > 0, value > mean);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::analytics
