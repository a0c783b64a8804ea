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
// So many changes of settings are kept that are still to come: only crashes make them more than
// one.
constexpr size_t kMaxChanges = 16;

constexpr absl::Duration kFirstRetry = absl::Milliseconds(50);
constexpr absl::Duration kLongestRetry = absl::Seconds(2);

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
    : options_(options),
      insights_(insights),
      clock_(clock),
      analyzer_(std::make_unique<Analyzer>(options.settings)) {}

absl::Status Analysis::Restore(const std::string& checkpoint_path) {
  absl::MutexLock lock(&mutex_);
  auto head =
      ReadCheckpoint(checkpoint_path, options_.settings, [this](const AnalyzerSettings& settings) {
        mutex_.AssertHeld();
        analyzer_ = std::make_unique<Analyzer>(settings);
        return &analyzer_->table();
      });
  if (!head.ok()) {
    analyzer_ = std::make_unique<Analyzer>(options_.settings);
    return head.status();
  }
  position_ = head->position;
  changes_.assign(head->changes.begin(), head->changes.end());
  settings_are_kept_ = true;
  return absl::OkStatus();
}

absl::Status Analysis::AdoptSettings(const std::string& checkpoint_path) {
  absl::MutexLock lock(&mutex_);
  const AnalyzerSettings& last =
      changes_.empty() ? analyzer_->settings() : changes_.back().settings;
  const bool is_change = !(last == options_.settings);
  absl::Status status;
  if (is_change) AddChange({SettingsCountFrom(), options_.settings});
  if (is_change || !settings_are_kept_) {
    auto pending = PendingCheckpoint::Write(checkpoint_path, Head(), analyzer_->table());
    status = pending.ok() ? (*pending)->Commit() : pending.status();
    settings_are_kept_ = status.ok();
  }
  SettleSettings();
  return status;
}

// Behind all that insights are durable of, and all that was told before.
TelemetryPosition Analysis::SettingsCountFrom() const {
  TelemetryPosition from = position_;
  // Before the first checkpoint the insights alone tell which journal they are of.
  if (from.journal_id.empty()) from.journal_id = insights_->telemetry_journal_id();
  if (from.journal_id == insights_->telemetry_journal_id()) {
    from.next_offset = std::max(from.next_offset, insights_->telemetry_end_offset());
  }
  if (!changes_.empty() && changes_.back().from.journal_id == from.journal_id) {
    from.next_offset = std::max(from.next_offset, changes_.back().from.next_offset);
  }
  return from;
}

void Analysis::AddChange(SettingsChange change) {
  // One that was to count from the same record on had no effect that anybody saw.
  while (!changes_.empty() &&
         (changes_.back().from == change.from || changes_.size() >= kMaxChanges)) {
    changes_.pop_back();
  }
  changes_.push_back(std::move(change));
}

void Analysis::SettleSettings() {
  const auto counts = [this](const SettingsChange& change) {
    mutex_.AssertHeld();
    return change.from.journal_id == position_.journal_id &&
           change.from.next_offset <= position_.next_offset;
  };
  for (; !changes_.empty() && counts(changes_.front()); changes_.pop_front()) {
    analyzer_->SetSettings(changes_.front().settings);
  }
}

CheckpointHead Analysis::Head() const {
  return {position_, analyzer_->settings(), {changes_.begin(), changes_.end()}};
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
  SettleSettings();
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
  // Of the journal in which they were to begin nothing comes any more.
  for (; !changes_.empty() && changes_.front().from.journal_id != batch.journal_id();
       changes_.pop_front()) {
    analyzer_->SetSettings(changes_.front().settings);
  }
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
    position_.next_offset = telemetry.offset();
    SettleSettings();
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
  if (!appending_) pending = PendingCheckpoint::Write(path, Head(), analyzer_->table());
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
