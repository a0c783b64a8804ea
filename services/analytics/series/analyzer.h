#ifndef SLUICE_SERVICES_ANALYTICS_SERIES_ANALYZER_H_
#define SLUICE_SERVICES_ANALYTICS_SERIES_ANALYZER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "services/analytics/detection/anomaly_detector.h"
#include "services/analytics/series/analyzer_settings.h"
#include "services/analytics/series/series_table.h"
#include "sluice/v1/insight.pb.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::analytics {

// The sample in a reading: doubles, whole numbers (rounded to a double beyond 2^53), false and true
// as 0 and 1. None in texts and bytes, nor in what is not finite.
absl::optional<double> SampleOf(const v1::Reading& reading);

// Turns telemetry into insights: each sample is judged against its series' window and then becomes
// part of it. The same records in the same order give the same insights and the same state.
// Not thread-safe.
class Analyzer {
 public:
  struct Stats {
    int64_t samples = 0;
    int64_t ignored_readings = 0;  // that hold no sample
    int64_t anomalies = 0;
  };

  explicit Analyzer(const AnalyzerSettings& settings);

  // From now on with these settings. The series go on (SeriesTable::TakeOver).
  void SetSettings(const AnalyzerSettings& settings);

  // Takes one record in and appends its insights to `insights`, without an offset of their own.
  void Analyze(const v1::Telemetry& telemetry, absl::string_view telemetry_journal_id,
               std::vector<v1::Insight>* insights);

  const AnalyzerSettings& settings() const { return settings_; }
  SeriesTable& table() { return *table_; }
  const SeriesTable& table() const { return *table_; }
  const Stats& stats() const { return stats_; }

 private:
  AnalyzerSettings settings_;
  std::unique_ptr<SeriesTable> table_;
  Stats stats_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_SERIES_ANALYZER_H_
