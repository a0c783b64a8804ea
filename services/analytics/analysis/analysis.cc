#include "services/analytics/analysis/analysis.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"

namespace sluice::analytics {
namespace {

// What one hold of the lock takes in at most (the insights: until a record is through).
constexpr int kSliceRecords = 64;
constexpr size_t kSliceInsights = 256;

constexpr absl::Duration kFirstRetry = absl::Milliseconds(50);
constexpr absl::Duration kLongestRetry = absl::Seconds(2);

std::unique_ptr<Analyzer> NewAnalyzer(const AnalysisOptions& options) {
  return std::make_unique<Analyzer>(options.max_series, options.window_size_samples,
                                    AnomalyDetector(options.threshold, options.warm_up_samples));
}

// First offset that the batch tells anything about.
int64_t FirstOffset(const v1::SubscribeTelemetryResponse& batch) {
  int64_t first = batch.next_offset();
  if (batch.telemetry_size() > 0) first = std::min(first, batch.telemetry(0).offset());
  if (batch.gaps_size() > 0) first = std::min(first, batch.gaps(0).from_offset());
  return first;
}

// Offsets above `next` that the telemetry journal skipped: nothing that was durable had them.
int64_t SetAside(const v1::SubscribeTelemetryResponse& batch, int64_t next) {
  int64_t offsets = 0;
  for (const v1::Gap& gap : batch.gaps()) {
    if (gap.reason() != v1::GAP_REASON_UNSPECIFIED) continue;
    offsets += std::max<int64_t>(0, gap.to_offset() - std::max(gap.from_offset(), next));
  }
  return offsets;
}

v1::Series ToProto(const SeriesRecord& record) {
  v1::Series series;
  series.set_device_id(record.device_id);
  series.set_metric(record.metric);
  series.set_unit(record.unit);
  series.set_sample_count(record.sample_count);
  series.set_anomaly_count(record.anomaly_count);
  const WindowStatistics statistics = record.window.statistics();
  v1::WindowStatistics* window = series.mutable_window();
  window->set_size_samples(statistics.size_samples);
  window->set_capacity_samples(record.window.capacity());
  window->set_mean(statistics.mean);
  window->set_standard_deviation(statistics.standard_deviation);
  window->set_min(statistics.min);
  window->set_max(statistics.max);
  series.set_last_value(record.last_value);
  series.mutable_last_sample_time()->set_seconds(record.last_sample_time_s);
  series.mutable_last_sample_time()->set_nanos(record.last_sample_time_ns);
  series.set_last_z_score(record.last_z_score);
  return series;
}

}  // namespace

Analysis::Analysis(const AnalysisOptions& options, InsightLog* insights, const Clock* clock)
    : options_(options), insights_(insights), clock_(clock), analyzer_(NewAnalyzer(options)) {}

absl::Status Analysis::Restore(const std::string& checkpoint_path) {
  absl::MutexLock lock(&mutex_);
  auto position = ReadCheckpoint(checkpoint_path, &analyzer_->table());
  if (!position.ok()) {
    analyzer_ = NewAnalyzer(options_);
    return position.status();
  }
  position_ = *std::move(position);
  return absl::OkStatus();
}

TakenBatch Analysis::Take(const v1::SubscribeTelemetryResponse& batch) {
  TakenBatch taken;
  {
    absl::MutexLock lock(&mutex_);
    EnterJournal(batch, &taken);
    taken.missed_records = -SetAside(batch, position_.next_offset);
  }
  std::vector<v1::Insight> insights;
  for (int next = 0; next < batch.telemetry_size();) {
    insights.clear();
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) {
        taken.stopped = true;
        return taken;
      }
      next = TakeSlice(batch, next, &insights, &taken);
      appending_ = !insights.empty();
    }
    if (insights.empty()) continue;
    if (!Append(insights)) {
      taken.stopped = true;
      return taken;
    }
    absl::MutexLock lock(&mutex_);
    appending_ = false;
  }
  absl::MutexLock lock(&mutex_);
  if (batch.next_offset() > position_.next_offset) {
    taken.missed_records += batch.next_offset() - position_.next_offset;
    position_.next_offset = batch.next_offset();
  }
  taken.missed_records = std::max<int64_t>(0, taken.missed_records);
  stats_.missed_records += taken.missed_records;
  if (batch.telemetry_size() > 0) {
    const auto& received = batch.telemetry(batch.telemetry_size() - 1).received_time();
    stats_.delay = clock_->Now() - FromProto(received);
  }
  return taken;
}

// Where telemetry begins anew, so does the position; the series go on.
void Analysis::EnterJournal(const v1::SubscribeTelemetryResponse& batch, TakenBatch* taken) {
  if (position_.journal_id == batch.journal_id()) return;
  const bool is_first = position_.journal_id.empty();
  position_.journal_id = batch.journal_id();
  // Nobody was here before, so nothing was missed.
  position_.next_offset = is_first ? FirstOffset(batch) : 0;
  if (is_first) return;
  taken->is_new_journal = true;
  ++stats_.new_journals;
}

// Returns the index of the first record that it left.
int Analysis::TakeSlice(const v1::SubscribeTelemetryResponse& batch, int first,
                        std::vector<v1::Insight>* insights, TakenBatch* taken) {
  const int end = std::min(batch.telemetry_size(), first + kSliceRecords);
  int i = first;
  for (; i < end && insights->size() < kSliceInsights; ++i) {
    const v1::Telemetry& telemetry = batch.telemetry(i);
    if (telemetry.offset() < position_.next_offset) continue;
    taken->missed_records += telemetry.offset() - position_.next_offset;
    analyzer_->Analyze(telemetry, position_.journal_id, insights);
    position_.next_offset = telemetry.offset() + 1;
  }
  return i;
}

// False: Stop came first.
bool Analysis::Append(const std::vector<v1::Insight>& insights) {
  absl::Duration delay = kFirstRetry;
  bool refused = false;
  for (const v1::Insight& insight : insights) {
    for (absl::Status status = insights_->Append(insight); !status.ok();
         status = insights_->Append(insight)) {
      if (!refused) options_.on_insight_log(status);
      refused = true;
      absl::MutexLock lock(&mutex_);
      ++stats_.refused_insights;
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), delay)) return false;
      delay = std::min(2 * delay, kLongestRetry);
    }
  }
  if (refused) options_.on_insight_log(absl::OkStatus());
  return true;
}

void Analysis::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

absl::StatusOr<std::unique_ptr<PendingCheckpoint>> Analysis::WriteCheckpoint(
    const std::string& path) const {
  mutex_.ReaderLockWhen(absl::Condition(this, &Analysis::IsWholeOrStopping));
  absl::StatusOr<std::unique_ptr<PendingCheckpoint>> pending =
      absl::AbortedError("insights of the last batch could not be appended");
  if (!appending_) pending = PendingCheckpoint::Write(path, position_, analyzer_->table());
  mutex_.ReaderUnlock();
  return pending;
}

absl::StatusOr<v1::Series> Analysis::GetSeries(const std::string& device_id,
                                               const std::string& metric) const {
  absl::ReaderMutexLock lock(&mutex_);
  const SeriesRecord* record = analyzer_->table().Find(device_id, metric);
  if (record == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("no samples of metric '", metric, "' of device '", device_id, "' were seen"));
  }
  return ToProto(*record);
}

std::vector<v1::Series> Analysis::ListSeries(const std::string& after_device_id,
                                             const std::string& after_metric,
                                             const std::string& only_device_id, int limit) const {
  std::vector<v1::Series> list;
  // No metric is empty, so nothing of the device itself is passed over.
  const bool from_device = after_device_id < only_device_id;
  absl::ReaderMutexLock lock(&mutex_);
  analyzer_->table().VisitInOrder(
      from_device ? only_device_id : after_device_id, from_device ? "" : after_metric,
      [&](const SeriesRecord& record) {
        if (!only_device_id.empty() && record.device_id != only_device_id) {
          return false;
        }
        list.push_back(ToProto(record));
        return list.size() < static_cast<size_t>(limit);
      });
  return list;
}

TelemetryPosition Analysis::position() const {
  absl::ReaderMutexLock lock(&mutex_);
  return position_;
}

AnalysisStats Analysis::stats() const {
  absl::ReaderMutexLock lock(&mutex_);
  AnalysisStats stats = stats_;
  stats.series = analyzer_->table().size();
  stats.forgotten_series = analyzer_->table().forgotten();
  stats.samples = analyzer_->stats().samples;
  stats.ignored_readings = analyzer_->stats().ignored_readings;
  stats.anomalies = analyzer_->stats().anomalies;
  return stats;
}

}  // namespace sluice::analytics
