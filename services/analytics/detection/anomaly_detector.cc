#include "services/analytics/detection/anomaly_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::analytics {
namespace {

// |z| at which a sample is as abnormal as the scores can say.
constexpr double kFullScale = 10.0;

double ZScore(double value, double mean, double deviation) {
  if (value == mean) return 0;
  if (deviation == 0) {
    return std::copysign(std::numeric_limits<double>::infinity(), value > mean ? 1.0 : -1.0);
  }
  const double distance = value - mean;
  if (std::isfinite(distance)) return distance / deviation;
  // Signs differ, so these cannot cancel.
  return value / deviation - mean / deviation;
}

}  // namespace

Judgement AnomalyDetector::Judge(double value, const WindowStatistics& before) const {
  Judgement judgement;
  if (before.size_samples < warm_up_samples_) return judgement;
  judgement.z_score = ZScore(value, before.mean, before.standard_deviation);
  const double size = std::abs(judgement.z_score);
  judgement.anomaly_score = std::min(size / kFullScale, 1.0);
  judgement.confidence = 1.0 - judgement.anomaly_score;
  judgement.is_anomaly = size > threshold_;
  return judgement;
}

}  // namespace sluice::analytics
