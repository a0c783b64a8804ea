#include "services/ingress/telemetry/telemetry_rpc.h"

#include <grpcpp/impl/codegen/method_handler.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "libs/proto_time/proto_time.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/retry_info.h"
#include "libs/subscription/serve_stream.h"
#include "libs/subscription/subscription_proto.h"
#include "services/ingress/dead_letters/dead_letter_purge.h"
#include "services/ingress/telemetry/publish.h"
#include "services/ingress/telemetry/telemetry_filter.h"
#include "services/ingress/telemetry/telemetry_response.h"

namespace sluice::ingress {
namespace {

// When a caller may try again for whom too much is under way.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);
// How long a call without a deadline waits for the disk.
constexpr absl::Duration kLongestWait = absl::Seconds(30);

absl::Duration TimeLeft(const grpc::ServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteDuration();
  return absl::FromChrono(deadline - std::chrono::system_clock::now());
}

// The place of a method of TelemetryService among its methods.
int IndexOf(const char* method) {
  return v1::SubscribeTelemetryRequest::descriptor()
      ->file()
      ->FindServiceByName("TelemetryService")
      ->FindMethodByName(method)
      ->index();
}

// The client is gone, or sent what is no message.
grpc::Status Unreadable() {
  return grpc::Status(grpc::StatusCode::INTERNAL, "the request cannot be read");
}

// Takes the bytes over.
grpc::ByteBuffer ToByteBuffer(std::string bytes) {
  auto* const owner = new std::string(std::move(bytes));
  const grpc::Slice slice(
      &(*owner)[0], owner->size(), [](void* string) { delete static_cast<std::string*>(string); },
      owner);
  return grpc::ByteBuffer(&slice, 1);
}

// Writes the responses of one stream.
class TelemetryWriter final : public ResponseWriter {
 public:
  // All must outlive it.
  TelemetryWriter(const std::string& journal_id, const TelemetryFilter* filter,
                  grpc::internal::WriterInterface<grpc::ByteBuffer>* writer)
      : response_(filter), writer_(writer) {
    rest_.set_journal_id(journal_id);
  }

  void Add(const RecordView& record) override { response_.Add(record); }

  bool Write(const StreamTicket& ticket, const std::vector<Gap>& gaps,
             int64_t next_offset) override {
    rest_.set_epoch(ticket.epoch);
    rest_.clear_gaps();
    AddGaps(gaps, rest_.mutable_gaps());
    rest_.set_next_offset(next_offset);
    if (response_.unreadable() > 0) {
      spdlog::error("{} records before offset {} are no telemetry and were left out",
                    response_.unreadable(), next_offset);
    }
    return writer_->Write(ToByteBuffer(response_.Take(rest_)));
  }

 private:
  TelemetryResponse response_;
  v1::SubscribeTelemetryResponse rest_;  // what is no record
  grpc::internal::WriterInterface<grpc::ByteBuffer>* const writer_;
};

}  // namespace

TelemetryRpc::TelemetryRpc(Parts parts)
    : parts_(std::move(parts)),
      subscription_rpcs_(parts_.subscriptions),
      dead_letter_replay_(parts_.dead_letters, parts_.intake) {
  // In place of the generated handler, which would have each record parsed to encode it again. This
  // is how grpc::Service lets a generated service take a streaming method over, here with bytes as
  // its response; in a client's eyes nothing changes.
  MarkMethodStreamed(IndexOf("SubscribeTelemetry"),
                     new grpc::internal::SplitServerStreamingHandler<v1::SubscribeTelemetryRequest,
                                                                     grpc::ByteBuffer>(
                         [this](grpc::ServerContext* context, SubscribeStreamer* streamer) {
                           return Subscribe(context, streamer);
                         }));
}

absl::Status TelemetryRpc::AwaitOnDisk(const grpc::ServerContext& context, absl::Duration begin,
                                       const Receipt& receipt) const {
  const bool has_deadline = TimeLeft(context) != absl::InfiniteDuration();
  const absl::Status status = AwaitDurable(
      *parts_.intake, receipt,
      [&] {
        if (has_deadline) return TimeLeft(context);
        return kLongestWait - (parts_.clock->Uptime() - begin);
      },
      [&] { return context.IsCancelled(); });
  // Without a deadline of the caller's it is the disk that is late.
  if (absl::IsDeadlineExceeded(status) && !has_deadline) {
    return absl::UnavailableError(status.message());
  }
  return status;
}

grpc::Status TelemetryRpc::StreamedPublishTelemetry(
    grpc::ServerContext* context,
    grpc::ServerUnaryStreamer<v1::PublishTelemetryRequest, v1::PublishTelemetryResponse>*
        streamer) {
  v1::PublishTelemetryRequest request;
  if (!streamer->Read(&request)) return Unreadable();
  const absl::Duration begin = parts_.clock->Uptime();
  MemoryBudget::Share memory(parts_.budget);
  if (!memory.TrySet(MemoryOf(request))) {
    return rpc::ToGrpc(
        WithRetryInfo(absl::ResourceExhaustedError("too much is under way already"), kRetryAfter));
  }
  Receipt last;
  auto results = PublishAll(&request, MomentOf(*parts_.clock), parts_.intake, &last);
  if (!results.ok()) return rpc::ToGrpc(results.status());

  const absl::Status status = AwaitOnDisk(*context, begin, last);
  if (!status.ok()) return rpc::ToGrpc(status);
  if (last.log != Receipt::Log::kNone && parts_.on_acknowledged) {
    parts_.on_acknowledged(parts_.clock->Uptime() - begin);
  }
  streamer->Write(*results);
  return grpc::Status::OK;
}

grpc::Status TelemetryRpc::Subscribe(grpc::ServerContext* context, SubscribeStreamer* streamer) {
  v1::SubscribeTelemetryRequest request;
  if (!streamer->Read(&request)) return Unreadable();
  const auto filter = TelemetryFilter::Create(request.filter());
  if (!filter.ok()) return rpc::ToGrpc(filter.status());
  StreamOptions options;
  options.subscription = request.subscription();
  options.start = request.start();
  options.max_batch_size = request.max_batch_size();
  options.min_interval = request.min_interval();
  TelemetryWriter writer(parts_.telemetry->id(), &*filter, streamer);
  return ServeStream({parts_.subscriptions, parts_.telemetry, parts_.streams, parts_.clock},
                     *context, options, writer);
}

grpc::Status TelemetryRpc::AcknowledgeTelemetry(grpc::ServerContext*,
                                                const v1::AcknowledgeRequest* request,
                                                v1::AcknowledgeResponse* response) {
  return subscription_rpcs_.Acknowledge(*request, response);
}

grpc::Status TelemetryRpc::CreateSubscription(grpc::ServerContext*,
                                              const v1::CreateSubscriptionRequest* request,
                                              v1::Subscription* response) {
  return subscription_rpcs_.Create(*request, response);
}

grpc::Status TelemetryRpc::ListSubscriptions(grpc::ServerContext*,
                                             const v1::ListSubscriptionsRequest* request,
                                             v1::ListSubscriptionsResponse* response) {
  return subscription_rpcs_.List(*request, response);
}

grpc::Status TelemetryRpc::SeekSubscription(grpc::ServerContext*,
                                            const v1::SeekSubscriptionRequest* request,
                                            v1::Subscription* response) {
  return subscription_rpcs_.Seek(*request, response);
}

grpc::Status TelemetryRpc::DeleteSubscription(grpc::ServerContext*,
                                              const v1::DeleteSubscriptionRequest* request,
                                              google::protobuf::Empty* response) {
  return subscription_rpcs_.Delete(*request, response);
}

grpc::Status TelemetryRpc::ListDeadLetters(grpc::ServerContext*,
                                           const v1::ListDeadLettersRequest* request,
                                           v1::ListDeadLettersResponse* response) {
  auto page = parts_.dead_letters->Select("ListDeadLetters", request->filter(),
                                          request->page_size(), request->page_token());
  if (!page.ok()) return rpc::ToGrpc(page.status());
  for (v1::DeadLetter& letter : page->letters) *response->add_dead_letters() = std::move(letter);
  response->set_next_page_token(page->next_page_token);
  return grpc::Status::OK;
}

grpc::Status TelemetryRpc::GetDeadLetter(grpc::ServerContext*,
                                         const v1::GetDeadLetterRequest* request,
                                         v1::DeadLetter* response) {
  auto letter = parts_.dead_letters->Get(request->offset());
  if (!letter.ok()) return rpc::ToGrpc(letter.status());
  *response = *std::move(letter);
  return grpc::Status::OK;
}

grpc::Status TelemetryRpc::ReplayDeadLetters(grpc::ServerContext* context,
                                             const v1::ReplayDeadLettersRequest* request,
                                             v1::ReplayDeadLettersResponse* response) {
  const absl::Duration begin = parts_.clock->Uptime();
  auto results = dead_letter_replay_.Run(
      *request, [&](const Receipt& receipt) { return AwaitOnDisk(*context, begin, receipt); });
  if (!results.ok()) return rpc::ToGrpc(results.status());
  *response = *std::move(results);
  return grpc::Status::OK;
}

grpc::Status TelemetryRpc::PurgeDeadLetters(grpc::ServerContext*,
                                            const v1::PurgeDeadLettersRequest* request,
                                            v1::PurgeDeadLettersResponse* response) {
  auto purged = ingress::PurgeDeadLetters(*request, *parts_.dead_letters);
  if (!purged.ok()) return rpc::ToGrpc(purged.status());
  *response = *std::move(purged);
  return grpc::Status::OK;
}

grpc::Status TelemetryRpc::ListUnknownTopics(grpc::ServerContext*,
                                             const v1::ListUnknownTopicsRequest*,
                                             v1::ListUnknownTopicsResponse* response) {
  for (const UnknownTopics::Entry& entry : parts_.unknown_topics->List()) {
    v1::UnknownTopic* const topic = response->add_unknown_topics();
    topic->set_topic(entry.topic);
    topic->set_sightings(entry.sightings);
    *topic->mutable_last_time() = ToProto(entry.last_time);
    topic->mutable_last_sender()->set_client_id(entry.client_id);
    topic->mutable_last_sender()->set_username(entry.username);
  }
  return grpc::Status::OK;
}

}  // namespace sluice::ingress
