#include "services/analytics/series/analyzer.h"

#include <cmath>
#include <string>
#include <utility>

namespace sluice::analytics {

absl::optional<double> SampleOf(const v1::Reading& reading) {
  switch (reading.value_case()) {
    case v1::Reading::kDoubleValue:
      if (!std::isfinite(reading.double_value())) return absl::nullopt;
      return reading.double_value();
    case v1::Reading::kIntValue:
      return static_cast<double>(reading.int_value());
    case v1::Reading::kBoolValue:
      return reading.bool_value() ? 1.0 : 0.0;
    case v1::Reading::kStringValue:
    case v1::Reading::kBytesValue:
    case v1::Reading::VALUE_NOT_SET:
      break;
  }
  return absl::nullopt;
}

Analyzer::Analyzer(const AnalyzerSettings& settings)
    : settings_(settings),
      table_(std::make_unique<SeriesTable>(settings.max_series, settings.window_size_samples)) {}

void Analyzer::SetSettings(const AnalyzerSettings& settings) {
  settings_ = settings;
  auto table = std::make_unique<SeriesTable>(settings.max_series, settings.window_size_samples);
  table->TakeOver(*table_);
  table_ = std::move(table);
}

void Analyzer::Analyze(const v1::Telemetry& telemetry, absl::string_view telemetry_journal_id,
                       std::vector<v1::Insight>* insights) {
  const AnomalyDetector detector(settings_.threshold, settings_.warm_up_samples);
  int number = 0;
  for (const v1::Reading& reading : telemetry.readings()) {
    const absl::optional<double> sample = SampleOf(reading);
    if (!sample.has_value()) {
      ++stats_.ignored_readings;
      continue;
    }
    ++stats_.samples;
    SeriesRecord& series = table_->Touch(telemetry.device_id(), reading.metric());
    const WindowStatistics before = series.window.statistics();
    const Judgement judgement = detector.Judge(*sample, before);
    const auto& time = reading.has_time() ? reading.time() : telemetry.received_time();

    series.window.Add(*sample);
    if (series.unit != reading.unit()) series.unit = reading.unit();
    ++series.sample_count;
    series.last_value = *sample;
    series.last_z_score = judgement.z_score;
    series.last_sample_time_s = time.seconds();
    series.last_sample_time_ns = time.nanos();
    if (!judgement.is_anomaly) continue;

    ++series.anomaly_count;
    ++stats_.anomalies;
    v1::Insight& insight = insights->emplace_back();
    insight.set_telemetry_offset(telemetry.offset());
    insight.set_telemetry_journal_id(std::string(telemetry_journal_id));
    insight.set_number(number++);
    insight.set_device_id(telemetry.device_id());
    insight.set_metric(reading.metric());
    *insight.mutable_sample_time() = time;
    v1::Anomaly* anomaly = insight.mutable_anomaly();
    anomaly->set_value(*sample);
    anomaly->set_z_score(judgement.z_score);
    anomaly->set_mean(before.mean);
    anomaly->set_standard_deviation(before.standard_deviation);
    anomaly->set_confidence(judgement.confidence);
    anomaly->set_anomaly_score(judgement.anomaly_score);
    anomaly->set_threshold(detector.threshold());
    anomaly->set_window_size_samples(before.size_samples);
  }
}

}  // namespace sluice::analytics
