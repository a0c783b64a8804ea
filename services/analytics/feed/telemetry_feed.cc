#include "services/analytics/feed/telemetry_feed.h"

#include <google/protobuf/arena.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

#include "absl/time/clock.h"
#include "libs/rpc/grpc_status.h"

namespace sluice::analytics {
namespace {

constexpr size_t kBatchBlockBytes = 64 << 10;
constexpr char kSubscription[] = "analytics";
// Messages may gather for so long: to be woken for each costs both sides several times what it
// takes to judge it.
constexpr int kMinIntervalMs = 20;
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

}  // namespace

TelemetryFeed::TelemetryFeed(const std::shared_ptr<grpc::Channel>& channel, Analysis* analysis)
    : stub_(v1::TelemetryService::NewStub(channel)), analysis_(analysis) {}

TelemetryFeed::~TelemetryFeed() { Stop(); }

void TelemetryFeed::Start() { thread_ = std::thread(&TelemetryFeed::Run, this); }

void TelemetryFeed::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

void TelemetryFeed::Run() {
  absl::Duration pause = kFirstPause;
  bool told = false;
  while (true) {
    grpc::ClientContext context;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      context_ = &context;
    }
    absl::Status end;
    const bool was_open = ReadStream(&context, &end);
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
    stats_.connected = false;
    if (stopping_) return;
    if (was_open) {
      pause = kFirstPause;
      told = false;
    }
    // A second reader of the same name is thrown out by our next stream, as we were by its.
    if (absl::IsAborted(end)) pause = kLongestPause;
    if (!told) spdlog::warn("telemetry stream: {}; trying again", end.ToString());
    told = true;
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause)) return;
    pause = std::min(2 * pause, kLongestPause);
  }
}

// Reads one stream to its end. Returns whether it was open at all.
bool TelemetryFeed::ReadStream(grpc::ClientContext* context, absl::Status* end) {
  v1::SubscribeTelemetryRequest request;
  request.set_subscription(kSubscription);
  request.mutable_start()->mutable_resume();
  request.mutable_min_interval()->set_nanos(kMinIntervalMs * 1'000'000);
  const auto reader = stub_->SubscribeTelemetry(context, request);
  // To free a batch piece by piece costs as much as to analyze it.
  std::vector<char> block(kBatchBlockBytes);
  google::protobuf::ArenaOptions memory;
  memory.initial_block = block.data();
  memory.initial_block_size = block.size();
  memory.max_block_size = block.size();
  google::protobuf::Arena arena(memory);
  bool was_open = false;
  for (;; arena.Reset()) {
    auto& batch = *google::protobuf::Arena::CreateMessage<v1::SubscribeTelemetryResponse>(&arena);
    if (!reader->Read(&batch)) break;
    if (!was_open) {
      was_open = true;
      spdlog::info("telemetry stream: open from offset {} of journal {}", batch.next_offset(),
                   batch.journal_id());
      absl::MutexLock lock(&mutex_);
      stats_.connected = true;
      ++stats_.streams;
    }
    const TakenBatch taken = analysis_->Take(batch);
    if (taken.stopped) context->TryCancel();
    if (taken.is_new_journal) {
      spdlog::warn("telemetry comes from another journal now, {}: offsets begin anew",
                   batch.journal_id());
    }
    if (taken.missed_records > 0) {
      spdlog::warn("{} telemetry records before offset {} are gone", taken.missed_records,
                   batch.next_offset());
    }
  }
  *end = rpc::FromGrpc(reader->Finish());
  return was_open;
}

absl::Status TelemetryFeed::Acknowledge(const TelemetryPosition& position, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  v1::AcknowledgeRequest request;
  request.set_subscription(kSubscription);
  request.set_journal_id(position.journal_id);
  request.set_offset(position.next_offset);
  v1::AcknowledgeResponse response;
  return rpc::FromGrpc(stub_->AcknowledgeTelemetry(&context, request, &response));
}

TelemetryFeed::Stats TelemetryFeed::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace sluice::analytics
