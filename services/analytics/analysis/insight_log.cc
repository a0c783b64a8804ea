#include "services/analytics/analysis/insight_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace sluice::analytics {
namespace {

// The newest intact insight at or above `from`.
absl::StatusOr<absl::optional<v1::Insight>> LastFrom(Journal* journal, int64_t from) {
  absl::optional<v1::Insight> last;
  const auto reader = journal->NewReader(from);
  while (true) {
    auto batch = reader->Read(1000, 1 << 20);
    if (!batch.ok()) return batch.status();
    for (const JournalRecord& record : batch->records) {
      if (auto insight = DecodeInsight(record); insight.ok()) last = *std::move(insight);
    }
    if (batch->records.empty() && batch->gaps.empty()) return last;
  }
}

}  // namespace

absl::StatusOr<v1::Insight> DecodeInsight(const JournalRecord& record) {
  v1::Insight insight;
  if (!insight.ParseFromString(record.bytes)) {
    return absl::DataLossError(absl::StrCat("record ", record.offset, " is not an insight"));
  }
  insight.set_offset(record.offset);
  return insight;
}

absl::StatusOr<std::unique_ptr<InsightLog>> InsightLog::Open(Journal* journal) {
  std::unique_ptr<InsightLog> log(new InsightLog(journal));
  const int64_t begin = journal->begin_offset();
  const int64_t end = journal->durable_offset();
  // Normally the very last record is the one; damage at the end means to look further back.
  for (int64_t look_back = 1; begin < end; look_back *= 16) {
    const int64_t from = std::max(begin, end - look_back);
    auto last = LastFrom(journal, from);
    if (!last.ok()) return last.status();
    if (last->has_value()) {
      log->last_telemetry_journal_id_ = (*last)->telemetry_journal_id();
      log->last_telemetry_offset_ = (*last)->telemetry_offset();
      log->last_number_ = (*last)->number();
      break;
    }
    if (from == begin) break;
  }
  return log;
}

bool InsightLog::IsThere(const v1::Insight& insight) const {
  return insight.telemetry_journal_id() == last_telemetry_journal_id_ &&
         std::make_pair(insight.telemetry_offset(), insight.number()) <=
             std::make_pair(last_telemetry_offset_, last_number_);
}

absl::Status InsightLog::Append(const v1::Insight& insight) {
  if (IsThere(insight)) {
    ++passed_over_;
    return absl::OkStatus();
  }
  const absl::Status status = journal_->Append(insight.SerializeAsString()).status();
  if (!status.ok()) return status;
  last_telemetry_journal_id_ = insight.telemetry_journal_id();
  last_telemetry_offset_ = insight.telemetry_offset();
  last_number_ = insight.number();
  return absl::OkStatus();
}

bool InsightLog::WaitDurable(absl::Duration timeout) const {
  return journal_->WaitDurable(journal_->end_offset() - 1, timeout);
}

}  // namespace sluice::analytics
