#ifndef SLUICE_SERVICES_ANALYTICS_ANALYSIS_CHECKPOINTER_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYSIS_CHECKPOINTER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/analytics/analysis/analysis.h"
#include "services/analytics/analysis/insight_log.h"
#include "services/analytics/series/checkpoint.h"

namespace sluice::analytics {

// Acknowledges telemetry once a durable checkpoint covers it, so that whatever the checkpoint lacks
// can be asked for again. The order: the state is written down, its insights become durable, the
// checkpoint becomes durable, the telemetry is acknowledged. Thread-safe.
class Checkpointer {
 public:
  // Acknowledges everything below the position. OUT_OF_RANGE or NOT_FOUND: its journal, or the
  // subscription, is gone, so there is nothing to acknowledge any more.
  using Acknowledge = std::function<absl::Status(const TelemetryPosition&)>;

  struct Stats {
    int64_t checkpoints = 0;
    int64_t failures = 0;
    int64_t size_bytes = 0;  // of the last one
  };

  // `analysis` and `insights` must outlive it.
  Checkpointer(Analysis* analysis, const InsightLog* insights, std::string path,
               Acknowledge acknowledge);

  // Makes a checkpoint if anything was taken in since the last one, and acknowledges what the last
  // one covers if that is still to be done. An error means that the next call tries again. Blocks
  // for the disk and for the acknowledgement.
  absl::Status Run();

  Stats stats() const;

 private:
  absl::Status Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex_);

  Analysis* const analysis_;
  const InsightLog* const insights_;
  const std::string path_;
  const Acknowledge acknowledge_;

  absl::Mutex run_mutex_;
  // What the checkpoint on disk covers.
  TelemetryPosition durable_ ABSL_GUARDED_BY(run_mutex_);
  // What is acknowledged.
  TelemetryPosition acknowledged_ ABSL_GUARDED_BY(run_mutex_);

  mutable absl::Mutex stats_mutex_ ABSL_ACQUIRED_AFTER(run_mutex_);
  Stats stats_ ABSL_GUARDED_BY(stats_mutex_);
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYSIS_CHECKPOINTER_H_
