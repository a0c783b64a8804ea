#include "services/ingress/intake/log_tails.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

constexpr int kBatchRecords = 1000;
constexpr int64_t kBatchBytes = 4 << 20;

int64_t BeginOfTail(const Journal& journal, int64_t records) {
  return std::max(journal.begin_offset(), journal.durable_offset() - records);
}

int64_t RecordsForWindow(const Journal& journal) {
  const int64_t records = journal.durable_offset() - journal.begin_offset();
  const int64_t mean_bytes = journal.stats().bytes / std::max<int64_t>(records, 1);
  return std::min(kRecordsForWindow, kBytesForWindow / std::max<int64_t>(mean_bytes, 1));
}

// Reads a log from `begin` on; puts what it has of rings into `marks`, and shows every record.
// `Record`: what the log's records are.
template <typename Record>
absl::Status ReadTail(Journal* journal, int64_t begin, Receipt::Log log, RingMarks* marks,
                      absl::FunctionRef<void(const JournalRecord&, const Record&)> show) {
  const int64_t marks_begin = BeginOfTail(*journal, kRecordsForMarks);
  // First offset behind which no mark counts any more.
  int64_t hole = std::numeric_limits<int64_t>::max();
  const std::unique_ptr<JournalReader> reader = journal->NewReader(begin);
  Record record;
  while (true) {
    const auto batch = reader->Read(kBatchRecords, kBatchBytes);
    if (!batch.ok()) return batch.status();
    if (batch->records.empty() && batch->gaps.empty()) return absl::OkStatus();
    for (const Gap& gap : batch->gaps) {
      if (gap.reason == GapReason::kCorruption && gap.to > marks_begin) {
        hole = std::min(hole, gap.from);
      }
    }
    for (const JournalRecord& stored : batch->records) {
      if (!record.ParseFromString(stored.bytes)) continue;
      show(stored, record);
      if (!record.has_ring_position() || stored.offset < marks_begin || stored.offset >= hole) {
        continue;
      }
      marks->Add(log, {record.ring_position().ring_id(), record.ring_position().end()});
    }
  }
}

template <typename Record>
absl::Status ReadMarks(Journal* journal, Receipt::Log log, RingMarks* marks) {
  return ReadTail<Record>(journal, BeginOfTail(*journal, kRecordsForMarks), log, marks,
                          [](const JournalRecord&, const Record&) {});
}

}  // namespace

absl::Status ReadLogTails(Journal* telemetry, Journal* dead_letters, Journal* reports,
                          const Moment& now, RingMarks* marks, MessageWindow* window) {
  const absl::Time window_begin = now.time - window->options().max_age;
  const int64_t begin = std::min(BeginOfTail(*telemetry, kRecordsForMarks),
                                 std::max(telemetry->OffsetAt(window_begin),
                                          BeginOfTail(*telemetry, RecordsForWindow(*telemetry))));
  absl::Status status = ReadTail<v1::Telemetry>(
      telemetry, begin, Receipt::Log::kTelemetry, marks,
      [&](const JournalRecord& stored, const v1::Telemetry& record) {
        if (record.message_id().empty()) return;
        // What the clock says is to come was written just now: it was set back since.
        const absl::Duration age = std::max(now.time - stored.append_time, absl::ZeroDuration());
        if (age > window->options().max_age) return;
        window->Remember(record.device_id(), record.message_id(), now.uptime - age, stored.offset);
      });
  if (status.ok()) {
    status = ReadMarks<v1::DeadLetter>(dead_letters, Receipt::Log::kDeadLetters, marks);
  }
  if (status.ok()) status = ReadMarks<state::v1::Report>(reports, Receipt::Log::kReports, marks);
  return status;
}

}  // namespace sluice::ingress
