#include "services/analytics/analytics_metrics.h"

#include "absl/time/time.h"

namespace sluice::analytics {
namespace {

prometheus::Gauge* Gauge(prometheus::Registry* metrics, const std::string& name,
                         const std::string& help, const prometheus::Labels& labels = {}) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(*metrics).Add(labels);
}

prometheus::Counter* Counter(prometheus::Registry* metrics, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(*metrics).Add(labels);
}

void Raise(prometheus::Counter* counter, double total) {
  const double by = total - counter->Value();
  if (by > 0) counter->Increment(by);
}

void Set(prometheus::Gauge* gauge, int64_t value) { gauge->Set(static_cast<double>(value)); }

}  // namespace

AnalyticsMetrics::AnalyticsMetrics(prometheus::Registry* metrics)
    : series_(Gauge(metrics, "sluice_analytics_series", "Series that are kept")),
      series_forgotten_(Counter(metrics, "sluice_analytics_series_forgotten_total",
                                "Series forgotten because there were too many")),
      samples_(Counter(metrics, "sluice_analytics_samples_total", "Samples analyzed")),
      ignored_readings_(Counter(metrics, "sluice_analytics_ignored_readings_total",
                                "Readings that hold no number")),
      anomalies_(Counter(metrics, "sluice_anomalies_total", "Anomalies found")),
      insights_passed_over_(Counter(metrics, "sluice_analytics_insights_passed_over_total",
                                    "Insights found again after a restart")),
      insights_refused_(Counter(metrics, "sluice_analytics_insights_refused_total",
                                "Failed tries to write an insight; each was tried again")),
      telemetry_missed_(Counter(metrics, "sluice_analytics_telemetry_missed_total",
                                "Telemetry records that were gone before they were analyzed")),
      telemetry_connected_(Gauge(metrics, "sluice_analytics_telemetry_connected",
                                 "1 while a stream of telemetry is open")),
      telemetry_delay_seconds_(Gauge(metrics, "sluice_analytics_telemetry_delay_seconds",
                                     "Time from receipt to analysis of the record analyzed last")),
      checkpoints_ok_(Counter(metrics, "sluice_analytics_checkpoints_total", "Checkpoints made",
                              {{"outcome", "ok"}})),
      checkpoints_failed_(Counter(metrics, "sluice_analytics_checkpoints_total", "Checkpoints made",
                                  {{"outcome", "failed"}})),
      checkpoint_bytes_(
          Gauge(metrics, "sluice_analytics_checkpoint_bytes", "Size of the last checkpoint")),
      journal_bytes_(Gauge(metrics, "sluice_journal_bytes", "Size of the journal on disk",
                           {{"journal", "insights"}})),
      journal_sync_seconds_(Counter(metrics, "sluice_journal_sync_seconds_sum",
                                    "Time spent in fdatasync", {{"journal", "insights"}})),
      journal_syncs_(Counter(metrics, "sluice_journal_sync_seconds_count", "Calls of fdatasync",
                             {{"journal", "insights"}})),
      journal_corrupt_records_(Counter(metrics, "sluice_journal_corrupt_records_total",
                                       "Records lost to damage on disk",
                                       {{"journal", "insights"}})),
      journal_deleted_unacknowledged_(Counter(metrics, "sluice_dropped_total",
                                              "What was given up, and why",
                                              {{"reason", "insights_retention"}})),
      journal_deleted_for_reserve_(Counter(metrics, "sluice_dropped_total",
                                           "What was given up, and why",
                                           {{"reason", "insights_reserve"}})),
      subscription_lag_(&prometheus::BuildGauge()
                             .Name("sluice_subscription_lag")
                             .Help("Records that a subscription has not acknowledged")
                             .Register(*metrics)),
      subscription_lag_bytes_(&prometheus::BuildGauge()
                                   .Name("sluice_subscription_lag_bytes")
                                   .Help("What they take on the disk, by the journal's index")
                                   .Register(*metrics)),
      subscription_lag_seconds_(&prometheus::BuildGauge()
                                     .Name("sluice_subscription_lag_seconds")
                                     .Help("Age of the oldest of them")
                                     .Register(*metrics)) {}

void AnalyticsMetrics::Update(const AnalyticsNumbers& now) {
  Set(series_, now.analysis.series);
  Raise(series_forgotten_, now.analysis.forgotten_series);
  Raise(samples_, now.analysis.samples);
  Raise(ignored_readings_, now.analysis.ignored_readings);
  Raise(anomalies_, now.analysis.anomalies - now.insights_passed_over);
  Raise(insights_passed_over_, now.insights_passed_over);
  Raise(insights_refused_, now.analysis.refused_insights);
  Raise(telemetry_missed_, now.analysis.missed_records);
  Set(telemetry_connected_, now.feed.connected ? 1 : 0);
  telemetry_delay_seconds_->Set(absl::ToDoubleSeconds(now.analysis.delay));
  Raise(checkpoints_ok_, now.checkpoints.checkpoints);
  Raise(checkpoints_failed_, now.checkpoints.failures);
  Set(checkpoint_bytes_, now.checkpoints.size_bytes);
  Set(journal_bytes_, now.journal.bytes);
  Raise(journal_sync_seconds_, absl::ToDoubleSeconds(now.journal.sync_time));
  Raise(journal_syncs_, now.journal.syncs);
  Raise(journal_corrupt_records_, now.journal.corrupt_records);
  Raise(journal_deleted_unacknowledged_, now.journal.deleted_unacknowledged_records);
  Raise(journal_deleted_for_reserve_, now.journal.deleted_for_reserve_records);

  std::map<std::string, Lag> present;
  for (const SubscriptionInfo& subscription : now.subscriptions) {
    const prometheus::Labels label = {{"subscription", subscription.name}};
    const Lag lag = {&subscription_lag_->Add(label), &subscription_lag_bytes_->Add(label),
                     &subscription_lag_seconds_->Add(label)};
    Set(lag.records, subscription.lag_records);
    Set(lag.bytes, subscription.lag_bytes);
    lag.seconds->Set(absl::ToDoubleSeconds(subscription.oldest_age));
    present[subscription.name] = lag;
  }
  for (const auto& [name, lag] : lag_by_subscription_) {
    if (present.count(name) > 0) continue;
    subscription_lag_->Remove(lag.records);
    subscription_lag_bytes_->Remove(lag.bytes);
    subscription_lag_seconds_->Remove(lag.seconds);
  }
  lag_by_subscription_ = std::move(present);
}

}  // namespace sluice::analytics
