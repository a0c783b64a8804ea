#ifndef SLUICE_SERVICES_ANALYTICS_ANALYSIS_INSIGHT_LOG_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYSIS_INSIGHT_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/journal/journal.h"
#include "sluice/v1/insight.pb.h"

namespace sluice::analytics {

// The insight in a record of the insight journal, with its offset. DATA_LOSS: it is not one.
absl::StatusOr<v1::Insight> DecodeInsight(const JournalRecord& record);

// Writes insights to their journal, each once, also when telemetry is analyzed a second time after
// a crash: insights come in the order of the telemetry, so whatever is at or below the last one
// that the journal holds is there already and is passed over.
//
// Append: one thread. The rest is thread-safe.
class InsightLog {
 public:
  // Finds the last insight that is there. `journal` must outlive it.
  static absl::StatusOr<std::unique_ptr<InsightLog>> Open(Journal* journal);

  // Appends the insight, or passes it over. After an error (see Journal::Append) it is not there.
  absl::Status Append(const v1::Insight& insight);

  // Waits until everything that was appended before is durable, or `timeout` is over: returns
  // whether it is.
  bool WaitDurable(absl::Duration timeout) const;

  // What the last insight is of: a telemetry journal, and the offset behind it there. Empty and 0:
  // there is no insight. Before the first Append.
  const std::string& telemetry_journal_id() const { return last_telemetry_journal_id_; }
  int64_t telemetry_end_offset() const {
    return last_telemetry_journal_id_.empty() ? 0 : last_telemetry_offset_ + 1;
  }

  // How many were there already.
  int64_t passed_over() const { return passed_over_; }

 private:
  explicit InsightLog(Journal* journal) : journal_(journal) {}

  bool IsThere(const v1::Insight& insight) const;

  Journal* const journal_;
  // Names the last insight in the journal. Empty id: there is none.
  std::string last_telemetry_journal_id_;
  int64_t last_telemetry_offset_ = 0;
  int32_t last_number_ = 0;
  std::atomic<int64_t> passed_over_{0};
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYSIS_INSIGHT_LOG_H_
