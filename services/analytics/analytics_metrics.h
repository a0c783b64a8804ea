#ifndef SLUICE_SERVICES_ANALYTICS_ANALYTICS_METRICS_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYTICS_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "libs/journal/journal.h"
#include "libs/subscription/subscription_store.h"
#include "services/analytics/analysis/analysis.h"
#include "services/analytics/analysis/checkpointer.h"
#include "services/analytics/feed/telemetry_feed.h"

namespace sluice::analytics {

// The service's numbers as they stand.
struct AnalyticsNumbers {
  AnalysisStats analysis;
  int64_t insights_passed_over = 0;
  Checkpointer::Stats checkpoints;
  TelemetryFeed::Stats feed;
  JournalStats journal;
  std::vector<SubscriptionInfo> subscriptions;
};

// Shows them to Prometheus. One thread.
class AnalyticsMetrics {
 public:
  // `metrics` must outlive it.
  explicit AnalyticsMetrics(prometheus::Registry* metrics);

  void Update(const AnalyticsNumbers& now);

 private:
  prometheus::Gauge* series_;
  prometheus::Counter* series_forgotten_;
  prometheus::Counter* samples_;
  prometheus::Counter* ignored_readings_;
  prometheus::Counter* anomalies_;
  prometheus::Counter* insights_passed_over_;
  prometheus::Counter* insights_refused_;
  prometheus::Counter* telemetry_missed_;
  prometheus::Gauge* telemetry_connected_;
  prometheus::Gauge* telemetry_delay_seconds_;
  prometheus::Counter* checkpoints_ok_;
  prometheus::Counter* checkpoints_failed_;
  prometheus::Gauge* checkpoint_bytes_;
  prometheus::Gauge* journal_bytes_;
  prometheus::Counter* journal_sync_seconds_;
  prometheus::Counter* journal_syncs_;
  prometheus::Counter* journal_corrupt_records_;
  prometheus::Counter* journal_deleted_unacknowledged_;
  prometheus::Counter* journal_deleted_for_reserve_;
  prometheus::Family<prometheus::Gauge>* subscription_lag_;
  prometheus::Family<prometheus::Gauge>* subscription_lag_bytes_;
  prometheus::Family<prometheus::Gauge>* subscription_lag_seconds_;
  struct Lag {
    prometheus::Gauge* records;
    prometheus::Gauge* bytes;
    prometheus::Gauge* seconds;
  };
  std::map<std::string, Lag> lag_by_subscription_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYTICS_METRICS_H_
