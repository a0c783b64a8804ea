#include "services/analytics/series/series_table.h"

#include <algorithm>
#include <vector>

namespace sluice::analytics {

SeriesTable::SeriesTable(int64_t max_series, int window_size_samples)
    : max_series_(std::max<int64_t>(max_series, 1)), window_size_samples_(window_size_samples) {}

SeriesRecord& SeriesTable::Touch(absl::string_view device_id, absl::string_view metric) {
  if (const auto known = by_key_.find(Key(device_id, metric)); known != by_key_.end()) {
    SeriesRecord* record = known->second.get();
    if (record != newest_) {
      Unlink(record);
      Link(record);
    }
    return *record;
  }
  if (size() >= max_series_) ForgetOldest();
  auto made = std::make_unique<SeriesRecord>(device_id, metric, window_size_samples_);
  SeriesRecord* record = made.get();
  const Key key(record->device_id, record->metric);
  by_key_.emplace(key, std::move(made));
  in_order_.emplace(key, record);
  Link(record);
  return *record;
}

const SeriesRecord* SeriesTable::Find(absl::string_view device_id, absl::string_view metric) const {
  const auto known = by_key_.find(Key(device_id, metric));
  return known == by_key_.end() ? nullptr : known->second.get();
}

void SeriesTable::VisitInOrder(absl::string_view after_device_id, absl::string_view after_metric,
                               const std::function<bool(const SeriesRecord&)>& visit) const {
  for (auto it = in_order_.upper_bound(Key(after_device_id, after_metric)); it != in_order_.end();
       ++it) {
    if (!visit(*it->second)) return;
  }
}

void SeriesTable::VisitBySilence(const std::function<void(const SeriesRecord&)>& visit) const {
  for (const SeriesRecord* record = oldest_; record != nullptr; record = record->newer_) {
    visit(*record);
  }
}

void SeriesTable::TakeOver(const SeriesTable& other) {
  std::vector<double> samples;
  other.VisitBySilence([&](const SeriesRecord& from) {
    SeriesRecord& to = Touch(from.device_id, from.metric);
    to.unit = from.unit;
    to.sample_count = from.sample_count;
    to.anomaly_count = from.anomaly_count;
    to.last_value = from.last_value;
    to.last_z_score = from.last_z_score;
    to.last_sample_time_s = from.last_sample_time_s;
    to.last_sample_time_ns = from.last_sample_time_ns;
    if (from.window.capacity() == window_size_samples_) {
      to.window = from.window;
      return;
    }
    samples.resize(static_cast<size_t>(from.window.size()));
    from.window.CopySamples(samples.data());
    const auto newest = std::min<std::ptrdiff_t>(from.window.size(), window_size_samples_);
    for (auto it = samples.end() - newest; it != samples.end(); ++it) to.window.Add(*it);
  });
}

void SeriesTable::Link(SeriesRecord* record) {
  record->older_ = newest_;
  record->newer_ = nullptr;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = record;
  newest_ = record;
}

void SeriesTable::Unlink(SeriesRecord* record) {
  (record->older_ != nullptr ? record->older_->newer_ : oldest_) = record->newer_;
  (record->newer_ != nullptr ? record->newer_->older_ : newest_) = record->older_;
}

void SeriesTable::ForgetOldest() {
  SeriesRecord* record = oldest_;
  Unlink(record);
  const Key key(record->device_id, record->metric);
  in_order_.erase(key);
  // The keys are views of the record, which has to outlive the entry.
  const auto entry = by_key_.find(key);
  const std::unique_ptr<SeriesRecord> last_reference = std::move(entry->second);
  by_key_.erase(entry);
  ++forgotten_;
}

}  // namespace sluice::analytics
