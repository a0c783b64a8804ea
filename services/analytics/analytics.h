#ifndef SLUICE_SERVICES_ANALYTICS_ANALYTICS_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYTICS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "libs/journal/journal.h"
#include "libs/rpc/service.h"
#include "libs/subscription/subscription_store.h"
#include "services/analytics/analysis/analysis.h"
#include "services/analytics/analysis/checkpointer.h"
#include "services/analytics/analysis/insight_log.h"
#include "services/analytics/analysis/periodic_task.h"
#include "services/analytics/analytics_metrics.h"
#include "services/analytics/analytics_rpc.h"
#include "services/analytics/feed/telemetry_feed.h"
#include "sluice/config/v1/analytics.pb.h"

namespace sluice::analytics {

// Analytics as one process runs it. The way of a sample: ingress → TelemetryFeed → Analysis →
// InsightLog → Journal → subscribers. In its data directory: `insights/` (the journal and its
// subscriptions) and `checkpoint`.
//
// Threads: the feed's takes telemetry in; one makes checkpoints and acknowledges what they cover;
// one updates metrics and expires subscriptions; the journal's syncs; gRPC's answer calls. The
// order of the end: intake stops, the feed ends, the last checkpoint is made, everything closes.
class Analytics final : public rpc::Service {
 public:
  // Goes on from what is in config.data_dir, which must exist and is locked by the caller; `config`
  // is valid. A checkpoint that is damaged is set aside (`checkpoint.damaged`), and the series
  // begin anew.
  static absl::StatusOr<std::unique_ptr<rpc::Service>> Create(
      const config::v1::AnalyticsConfig& config, const rpc::Environment& environment);

  // Ends everything without the last checkpoint, unless Finish was called.
  ~Analytics() override;

  std::vector<rpc::GrpcService> GrpcServices() override;
  absl::Status Health() override { return journal_->CheckWritable(); }
  void BeginShutdown() override;
  void Finish() override;

 private:
  Analytics(const config::v1::AnalyticsConfig& config, const rpc::Environment& environment,
            std::unique_ptr<Journal> journal, std::unique_ptr<SubscriptionStore> subscriptions,
            std::unique_ptr<InsightLog> insight_log);

  absl::Status Restore(const std::string& checkpoint_path);
  void Start(absl::Duration checkpoint_interval);
  void MakeCheckpoint();
  void UpdateMetrics();

  const std::unique_ptr<Journal> journal_;
  const std::unique_ptr<SubscriptionStore> subscriptions_;
  const std::unique_ptr<InsightLog> insight_log_;
  Analysis analysis_;
  TelemetryFeed feed_;
  const std::string checkpoint_path_;
  absl::optional<Checkpointer> checkpointer_;
  bool checkpoint_failed_ = false;  // of the checkpoints' thread
  AnalyticsRpc rpc_;
  AnalyticsMetrics metrics_;
  std::unique_ptr<PeriodicTask> checkpoints_;
  std::unique_ptr<PeriodicTask> upkeep_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYTICS_H_
