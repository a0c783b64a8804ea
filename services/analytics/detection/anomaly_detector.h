#ifndef SLUICE_SERVICES_ANALYTICS_DETECTION_ANOMALY_DETECTOR_H_
#define SLUICE_SERVICES_ANALYTICS_DETECTION_ANOMALY_DETECTOR_H_

#include "services/analytics/detection/sliding_window.h"

namespace sluice::analytics {

// What a sample is worth against the samples before it.
struct Judgement {
  // (value - mean) / standard deviation; signed. +-infinity if that deviation is 0 and the value is
  // not the mean (or the quotient is too large for a double). 0 with fewer samples before it than
  // the warm-up. Never NaN.
  double z_score = 0;
  // 1 - min(|z| / 10, 1): falls as the sample grows more abnormal.
  double confidence = 1;
  // min(|z| / 10, 1): rises with it.
  double anomaly_score = 0;
  bool is_anomaly = false;
};

// Judges samples by their z-score. Stateless, thread-safe.
class AnomalyDetector {
 public:
  // |z| > `threshold` is an anomaly once the window before the sample holds `warm_up_samples`.
  AnomalyDetector(double threshold, int warm_up_samples)
      : threshold_(threshold), warm_up_samples_(warm_up_samples) {}

  // `value` must be finite; `before` is the window without it.
  Judgement Judge(double value, const WindowStatistics& before) const;

  double threshold() const { return threshold_; }
  int warm_up_samples() const { return warm_up_samples_; }

 private:
  const double threshold_;
  const int warm_up_samples_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_DETECTION_ANOMALY_DETECTOR_H_
