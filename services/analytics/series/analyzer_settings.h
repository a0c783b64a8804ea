#ifndef SLUICE_SERVICES_ANALYTICS_SERIES_ANALYZER_SETTINGS_H_
#define SLUICE_SERVICES_ANALYTICS_SERIES_ANALYZER_SETTINGS_H_

#include <cstdint>

namespace sluice::analytics {

// What the results depend on beside the telemetry.
struct AnalyzerSettings {
  int64_t max_series = 50'000;    // 1 or more
  int window_size_samples = 100;  // 2 or more
  double threshold = 3.0;         // above 0
  int warm_up_samples = 30;       // 2 to window_size_samples

  bool operator==(const AnalyzerSettings& other) const {
    return max_series == other.max_series && window_size_samples == other.window_size_samples &&
           threshold == other.threshold && warm_up_samples == other.warm_up_samples;
  }
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_SERIES_ANALYZER_SETTINGS_H_
