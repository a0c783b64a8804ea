#include "services/ingress/intake/ring_marks.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

constexpr int kBatchRecords = 1000;
constexpr int64_t kBatchBytes = 4 << 20;

// `Record`: what the log's records are.
template <typename Record>
absl::Status ReadLog(Journal* journal, Receipt::Log log, RingMarks* marks) {
  const int64_t begin = std::max(journal->begin_offset(),
                                 journal->durable_offset() - RingMarks::kRecordsLookedThrough);
  const std::unique_ptr<JournalReader> reader = journal->NewReader(begin);
  Record record;
  int64_t hole = std::numeric_limits<int64_t>::max();
  while (true) {
    const auto batch = reader->Read(kBatchRecords, kBatchBytes);
    if (!batch.ok()) return batch.status();
    if (batch->records.empty() && batch->gaps.empty()) return absl::OkStatus();
    // First offset behind which nothing counts any more.
    for (const Gap& gap : batch->gaps) {
      if (gap.reason == GapReason::kCorruption) hole = std::min(hole, gap.from);
    }
    for (const JournalRecord& stored : batch->records) {
      if (stored.offset >= hole) return absl::OkStatus();
      if (!record.ParseFromString(stored.bytes) || !record.has_ring_position()) continue;
      marks->Add(log, {record.ring_position().ring_id(), record.ring_position().end()});
    }
  }
}

}  // namespace

absl::StatusOr<RingMarks> RingMarks::Read(Journal* telemetry, Journal* dead_letters,
                                          Journal* reports) {
  RingMarks marks;
  absl::Status status = ReadLog<v1::Telemetry>(telemetry, Receipt::Log::kTelemetry, &marks);
  if (status.ok()) {
    status = ReadLog<v1::DeadLetter>(dead_letters, Receipt::Log::kDeadLetters, &marks);
  }
  if (status.ok()) status = ReadLog<state::v1::Report>(reports, Receipt::Log::kReports, &marks);
  if (!status.ok()) return status;
  return marks;
}

void RingMarks::Add(Receipt::Log log, const RingPosition& position) {
  uint64_t& end = ends_[static_cast<int>(log)][position.ring_id];
  end = std::max(end, position.end);
}

void RingMarks::Forget(uint64_t ring_id) {
  for (auto& ends : ends_) ends.erase(ring_id);
}

bool RingMarks::Has(Receipt::Log log, const RingPosition& position) const {
  const auto& ends = ends_[static_cast<int>(log)];
  const auto it = ends.find(position.ring_id);
  return it != ends.end() && position.end <= it->second;
}

absl::optional<uint64_t> RingMarks::Highest(uint64_t ring_id) const {
  absl::optional<uint64_t> highest;
  for (const auto& ends : ends_) {
    const auto it = ends.find(ring_id);
    if (it != ends.end()) highest = std::max(highest.value_or(0), it->second);
  }
  return highest;
}

}  // namespace sluice::ingress
