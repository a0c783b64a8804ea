#include "libs/subscription/serve_stream.h"

#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "libs/failpoint/failpoint.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/field_violation.h"
#include "libs/subscription/subscription_proto.h"

namespace sluice {
namespace {

constexpr int kDefaultBatchRecords = 1000;
constexpr int kMaxBatchRecords = 10'000;
constexpr int64_t kMaxBatchBytes = 1 << 20;
// How long a stream may fail to notice that it should end.
constexpr absl::Duration kLookUpInterval = absl::Milliseconds(200);

absl::StatusOr<int> BatchRecords(int max_batch_size) {
  if (max_batch_size < 0 || max_batch_size > kMaxBatchRecords) {
    return InvalidField("max_batch_size",
                        absl::StrCat("is ", max_batch_size, "; must be 0 to ", kMaxBatchRecords));
  }
  return max_batch_size == 0 ? kDefaultBatchRecords : max_batch_size;
}

// Why the stream should end; OK if it should not.
absl::Status Ended(const SubscriptionStore& store, const rpc::StreamGate& gate,
                   const grpc::ServerContext& context, const StreamTicket& ticket) {
  if (context.IsCancelled()) return absl::CancelledError("the client is gone");
  if (gate.stopping()) return absl::UnavailableError("the service is shutting down");
  if (store.Superseded(ticket)) {
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
absl::Status Serve(SubscriptionStore& store, Journal& journal, const rpc::StreamGate& gate,
                   const grpc::ServerContext& context, const StreamTicket& ticket, int max_records,
                   ResponseWriter& writer) {
  const absl::Status broken = absl::CancelledError("the stream is broken");
  if (!writer.Write(ticket, {}, ticket.start)) return broken;
  const std::unique_ptr<JournalReader> reader = journal.NewReader(ticket.start);
  while (true) {
    if (absl::Status status = Ended(store, gate, context, ticket); !status.ok()) return status;
    if (!journal.WaitDurable(reader->next_offset(), kLookUpInterval)) continue;
    const auto batch = reader->Visit(max_records, kMaxBatchBytes,
                                     [&](const RecordView& record) { writer.Add(record); });
    if (!batch.ok()) return batch.status();
    failpoint::Reach(failpoint::Point::kSend);
    if (!writer.Write(ticket, batch->gaps, batch->next_offset)) return broken;
    failpoint::Reach(failpoint::Point::kSent);
  }
}

}  // namespace

grpc::Status ServeStream(SubscriptionStore& store, Journal& journal, rpc::StreamGate& gate,
                         grpc::ServerContext& context, const StreamOptions& options,
                         ResponseWriter& writer) {
  const auto max_records = BatchRecords(options.max_batch_size);
  if (!max_records.ok()) return rpc::ToGrpc(max_records.status());
  const auto start = StartFromProto(options.start, "start");
  if (!start.ok()) return rpc::ToGrpc(start.status());
  const auto pass = gate.Enter();
  if (!pass.ok()) return rpc::ToGrpc(pass.status());
  const auto ticket = store.OpenStream(options.subscription, *start);
  if (!ticket.ok()) return rpc::ToGrpc(ticket.status());
  const absl::Cleanup close = [&] { store.CloseStream(*ticket); };
  return rpc::ToGrpc(Serve(store, journal, gate, context, *ticket, *max_records, writer));
}

grpc::Status ServeStream(SubscriptionStore& store, Journal& journal, rpc::StreamGate& gate,
                         grpc::ServerContext& context, const StreamOptions& options,
                         const WriteBatch& write) {
  BatchCollector collector(write);
  return ServeStream(store, journal, gate, context, options, collector);
}

}  // namespace sluice
