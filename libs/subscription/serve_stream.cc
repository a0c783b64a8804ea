#include "libs/subscription/serve_stream.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/failpoint/failpoint.h"
#include "libs/proto_time/proto_time.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/field_violation.h"
#include "libs/subscription/subscription_proto.h"

namespace sluice {
namespace {

constexpr int kDefaultBatchRecords = 1000;
constexpr int kMaxBatchRecords = 10'000;
constexpr int64_t kMaxBatchBytes = 1 << 20;
constexpr absl::Duration kLongestInterval = absl::Seconds(10);
// How long a stream may fail to notice that it should end.
constexpr absl::Duration kLookUpInterval = absl::Milliseconds(200);

absl::StatusOr<int> BatchRecords(int max_batch_size) {
  if (max_batch_size < 0 || max_batch_size > kMaxBatchRecords) {
    return InvalidField("max_batch_size",
                        absl::StrCat("is ", max_batch_size, "; must be 0 to ", kMaxBatchRecords));
  }
  return max_batch_size == 0 ? kDefaultBatchRecords : max_batch_size;
}

absl::StatusOr<absl::Duration> MinInterval(const google::protobuf::Duration& duration) {
  const absl::Duration interval = FromProto(duration);
  if (interval < absl::ZeroDuration() || interval > kLongestInterval) {
    return InvalidField("min_interval",
                        absl::StrCat("is ", absl::FormatDuration(interval), "; must be 0 to ",
                                     absl::FormatDuration(kLongestInterval)));
  }
  return interval;
}

// Why the stream should end; OK if it should not.
absl::Status Ended(const StreamParts& parts, const grpc::ServerContext& context,
                   const StreamTicket& ticket) {
  if (context.IsCancelled()) return absl::CancelledError("the client is gone");
  if (parts.gate->stopping()) return absl::UnavailableError("the service is shutting down");
  if (parts.store->Superseded(ticket)) {
    return absl::AbortedError(
        absl::StrCat("subscription '", ticket.name,
                     "' was moved or deleted, or a newer stream of it was opened"));
  }
  return absl::OkStatus();
}

// Copies the records of each batch together.
class BatchCollector final : public ResponseWriter {
 public:
  explicit BatchCollector(const WriteBatch& write) : write_(write) {}

  void Add(const RecordView& record) override {
    batch_.records.push_back({record.offset, record.append_time, std::string(record.bytes)});
  }

  bool Write(const StreamTicket& ticket, const std::vector<Gap>& gaps,
             int64_t next_offset) override {
    batch_.gaps = gaps;
    batch_.next_offset = next_offset;
    return write_(ticket, std::exchange(batch_, {}));
  }

 private:
  const WriteBatch& write_;
  JournalBatch batch_;
};

// Ends when the stream does.
absl::Status Serve(const StreamParts& parts, const grpc::ServerContext& context,
                   const StreamTicket& ticket, int max_records, absl::Duration min_interval,
                   ResponseWriter& writer) {
  const absl::Status broken = absl::CancelledError("the stream is broken");
  if (!writer.Write(ticket, {}, ticket.start)) return broken;
  const std::unique_ptr<JournalReader> reader = parts.journal->NewReader(ticket.start);
  absl::Duration next_batch = parts.clock->Uptime();
  while (true) {
    if (absl::Status status = Ended(parts, context, ticket); !status.ok()) return status;
    if (!parts.journal->WaitDurable(reader->next_offset(), kLookUpInterval)) continue;
    const absl::Duration wait = next_batch - parts.clock->Uptime();
    if (wait > absl::ZeroDuration()) {
      absl::SleepFor(std::min(wait, kLookUpInterval));
      continue;
    }
    const auto batch = reader->Visit(max_records, kMaxBatchBytes,
                                     [&](const RecordView& record) { writer.Add(record); });
    if (!batch.ok()) return batch.status();
    const bool is_behind = parts.journal->WaitDurable(reader->next_offset(), absl::ZeroDuration());
    failpoint::Reach(failpoint::Point::kSend);
    if (!writer.Write(ticket, batch->gaps, batch->next_offset)) return broken;
    failpoint::Reach(failpoint::Point::kSent);
    next_batch = parts.clock->Uptime() + (is_behind ? absl::ZeroDuration() : min_interval);
  }
}

}  // namespace

grpc::Status ServeStream(const StreamParts& parts, grpc::ServerContext& context,
                         const StreamOptions& options, ResponseWriter& writer) {
  const auto max_records = BatchRecords(options.max_batch_size);
  if (!max_records.ok()) return rpc::ToGrpc(max_records.status());
  const auto min_interval = MinInterval(options.min_interval);
  if (!min_interval.ok()) return rpc::ToGrpc(min_interval.status());
  const auto start = StartFromProto(options.start, "start");
  if (!start.ok()) return rpc::ToGrpc(start.status());
  const auto pass = parts.gate->Enter();
  if (!pass.ok()) return rpc::ToGrpc(pass.status());
  const auto ticket = parts.store->OpenStream(options.subscription, *start);
  if (!ticket.ok()) return rpc::ToGrpc(ticket.status());
  const absl::Cleanup close = [&] { parts.store->CloseStream(*ticket); };
  return rpc::ToGrpc(Serve(parts, context, *ticket, *max_records, *min_interval, writer));
}

grpc::Status ServeStream(const StreamParts& parts, grpc::ServerContext& context,
                         const StreamOptions& options, const WriteBatch& write) {
  BatchCollector collector(write);
  return ServeStream(parts, context, options, collector);
}

}  // namespace sluice
