#ifndef SLUICE_SERVICES_ANALYTICS_SERIES_SERIES_TABLE_H_
#define SLUICE_SERVICES_ANALYTICS_SERIES_SERIES_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "services/analytics/detection/sliding_window.h"

namespace sluice::analytics {

// What is known of one metric of one device.
struct SeriesRecord {
  SeriesRecord(absl::string_view device_id, absl::string_view metric, int window_size_samples)
      : device_id(device_id), metric(metric), window(window_size_samples) {}

  const std::string device_id;
  const std::string metric;
  std::string unit;
  int64_t sample_count = 0;
  int64_t anomaly_count = 0;
  double last_value = 0;
  double last_z_score = 0;
  int64_t last_sample_time_s = 0;   // since the Unix epoch, rounded down
  int32_t last_sample_time_ns = 0;  // 0 to 999,999,999
  SlidingWindow window;

 private:
  friend class SeriesTable;
  SeriesRecord* older_ = nullptr;
  SeriesRecord* newer_ = nullptr;
};

// The series, by device and metric. Bounded: when one more comes than there may be, the one that
// was silent longest is forgotten and counted. Touch is O(1) for a known series, O(log n) for a new
// one. Not thread-safe.
class SeriesTable {
 public:
  // `max_series`: 1 or more. `window_size_samples`: 2 or more.
  SeriesTable(int64_t max_series, int window_size_samples);

  // The series, made if it is new; it is the one heard last from now on. The reference lives until
  // the next Touch.
  SeriesRecord& Touch(absl::string_view device_id, absl::string_view metric);

  // nullptr if there is none. Lives until the next Touch.
  const SeriesRecord* Find(absl::string_view device_id, absl::string_view metric) const;

  // Visits series in order of device and metric, those after the given one, until `visit` returns
  // false.
  void VisitInOrder(absl::string_view after_device_id, absl::string_view after_metric,
                    const std::function<bool(const SeriesRecord&)>& visit) const;

  // Visits all series, the one that was silent longest first: touched in that order, another table
  // is the same.
  void VisitBySilence(const std::function<void(const SeriesRecord&)>& visit) const;

  // Takes over the series of another table: this one is as if it had heard them in that order. Of a
  // window that holds more samples than one of ours the newest are kept. Ours must be empty.
  void TakeOver(const SeriesTable& other);

  int64_t size() const { return static_cast<int64_t>(by_key_.size()); }
  int64_t max_series() const { return max_series_; }
  int window_size_samples() const { return window_size_samples_; }
  // How many were forgotten.
  int64_t forgotten() const { return forgotten_; }

 private:
  // Views of the record's own strings.
  using Key = std::pair<absl::string_view, absl::string_view>;

  void Link(SeriesRecord* record);
  void Unlink(SeriesRecord* record);
  void ForgetOldest();

  const int64_t max_series_;
  const int window_size_samples_;
  absl::flat_hash_map<Key, std::unique_ptr<SeriesRecord>> by_key_;
  absl::btree_map<Key, const SeriesRecord*> in_order_;
  SeriesRecord* oldest_ = nullptr;
  SeriesRecord* newest_ = nullptr;
  int64_t forgotten_ = 0;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_SERIES_SERIES_TABLE_H_
