#ifndef SLUICE_SERVICES_ANALYTICS_ANALYSIS_ANALYSIS_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYSIS_ANALYSIS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/analytics/analysis/insight_log.h"
#include "services/analytics/series/analyzer.h"
#include "services/analytics/series/checkpoint.h"
#include "sluice/v1/insight.pb.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::analytics {

struct AnalysisOptions {
  AnalyzerSettings settings = {};
  // Called on Take's thread when the insight log begins to refuse insights, with its reason, and
  // with OK when it takes them again.
  std::function<void(const absl::Status&)> on_insight_log = [](const absl::Status&) {};
};

// What became of a batch.
struct TakenBatch {
  bool stopped = false;         // Stop came first: the batch was not taken in to its end
  bool is_new_journal = false;  // its journal is another one than before
  int64_t missed_records = 0;   // were there, and nobody can have them any more
};

struct AnalysisStats {
  int64_t series = 0;
  int64_t forgotten_series = 0;
  int64_t samples = 0;
  int64_t ignored_readings = 0;
  int64_t anomalies = 0;
  int64_t missed_records = 0;
  int64_t new_journals = 0;
  int64_t refused_insights = 0;  // tries to append one that failed
  absl::Duration delay;          // from receipt to analysis, of the newest record
};

// The one place where telemetry becomes insights: holds the series and how far into the telemetry
// they reach, and appends every insight before it goes on. When the insight log refuses one, it
// waits and tries again: intake stands still meanwhile, the telemetry waits in its own journal,
// and nothing is lost.
//
// Threads: Restore and AdoptSettings come first. Take belongs to one thread, WriteCheckpoint to
// another; everything else is thread-safe. Take holds the lock for at most 64 records at a time and
// never while it appends; readers and checkpoints share it, so a reader waits for some tens of
// microseconds at most.
class Analysis {
 public:
  // `insights` and `clock` must outlive it.
  Analysis(const AnalysisOptions& options, InsightLog* insights, const Clock* clock);

  // Goes on from a checkpoint, with the settings that it was made with. After an error (see
  // ReadCheckpoint) the state is empty, with the options' settings.
  absl::Status Restore(const std::string& checkpoint_path);

  // Has the options' settings count from the first record on that no durable insight is of, or
  // comes after: what is analyzed a second time is so with the settings of the first time. That is
  // written down in the checkpoint before it takes effect. After an error it takes effect all the
  // same, and a crash before the next checkpoint may change results. After Restore, before Take.
  absl::Status AdoptSettings(const std::string& checkpoint_path);

  // Takes in what comes after the position; what is before it was taken in already and is passed
  // over. Returns when all insights of the batch are appended.
  TakenBatch Take(const v1::SubscribeTelemetryResponse& batch);

  // Ends a Take that waits for the insight log, and every later one.
  void Stop();

  // Writes the state down, between two slices of a Take. The insights that belong to it are
  // appended, not durable: wait for them before Commit. ABORTED: Stop cut a Take short, so the
  // state holds samples whose insights were not appended: the checkpoint before this one stays in
  // force.
  absl::StatusOr<std::unique_ptr<PendingCheckpoint>> WriteCheckpoint(const std::string& path) const;

  // NOT_FOUND if nothing was seen of it.
  absl::StatusOr<v1::Series> GetSeries(const std::string& device_id,
                                       const std::string& metric) const;

  // In order of device and metric, those after the given one, at most `limit`; of `only_device_id`
  // unless that is empty.
  std::vector<v1::Series> ListSeries(const std::string& after_device_id,
                                     const std::string& after_metric,
                                     const std::string& only_device_id, int limit) const;

  // How far the state reaches.
  TelemetryPosition position() const;
  AnalysisStats stats() const;

 private:
  void EnterJournal(const v1::SubscribeTelemetryResponse& batch, TakenBatch* taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int TakeSlice(const v1::SubscribeTelemetryResponse& batch, int first,
                std::vector<v1::Insight>* insights, TakenBatch* taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Append(const std::vector<v1::Insight>& insights);
  TelemetryPosition SettingsCountFrom() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void AddChange(SettingsChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  CheckpointHead Head() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Makes the settings count that do so for the next record.
  void SettleSettings() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsWholeOrStopping() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return appending_ == false || stopping_;
  }

  const AnalysisOptions options_;
  InsightLog* const insights_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  std::unique_ptr<Analyzer> analyzer_ ABSL_GUARDED_BY(mutex_);
  TelemetryPosition position_ ABSL_GUARDED_BY(mutex_);
  // Settings to come.
  std::deque<SettingsChange> changes_ ABSL_GUARDED_BY(mutex_);
  // A checkpoint holds the settings that count.
  bool settings_are_kept_ ABSL_GUARDED_BY(mutex_) = false;
  // The state holds samples whose insights are not appended yet.
  bool appending_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Those fields alone that the analyzer does not count.
  AnalysisStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYSIS_ANALYSIS_H_
