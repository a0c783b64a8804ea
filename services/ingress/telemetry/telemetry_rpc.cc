#include "services/ingress/telemetry/telemetry_rpc.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "libs/proto_time/proto_time.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/retry_info.h"
#include "libs/subscription/serve_stream.h"
#include "libs/subscription/subscription_proto.h"
#include "services/ingress/dead_letters/dead_letter_purge.h"
#include "services/ingress/telemetry/publish.h"
#include "services/ingress/telemetry/telemetry_filter.h"

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

}  // namespace

TelemetryRpc::TelemetryRpc(Parts parts)
    : parts_(std::move(parts)),
      subscription_rpcs_(parts_.subscriptions),
      dead_letter_replay_(parts_.dead_letters, parts_.intake) {}

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

grpc::Status TelemetryRpc::PublishTelemetry(grpc::ServerContext* context,
                                            const v1::PublishTelemetryRequest* request,
                                            v1::PublishTelemetryResponse* response) {
  const absl::Duration begin = parts_.clock->Uptime();
  MemoryBudget::Share memory(parts_.budget);
  if (!memory.TrySet(MemoryOf(*request))) {
    return rpc::ToGrpc(
        WithRetryInfo(absl::ResourceExhaustedError("too much is under way already"), kRetryAfter));
  }
  Receipt last;
  auto results = PublishAll(*request, MomentOf(*parts_.clock), parts_.intake, &last);
  if (!results.ok()) return rpc::ToGrpc(results.status());

  const absl::Status status = AwaitOnDisk(*context, begin, last);
  if (!status.ok()) return rpc::ToGrpc(status);
  if (last.log != Receipt::Log::kNone && parts_.on_acknowledged) {
    parts_.on_acknowledged(parts_.clock->Uptime() - begin);
  }
  *response = *std::move(results);
  return grpc::Status::OK;
}

grpc::Status TelemetryRpc::SubscribeTelemetry(
    grpc::ServerContext* context, const v1::SubscribeTelemetryRequest* request,
    grpc::ServerWriter<v1::SubscribeTelemetryResponse>* writer) {
  const auto filter = TelemetryFilter::Create(request->filter());
  if (!filter.ok()) return rpc::ToGrpc(filter.status());
  StreamOptions options;
  options.subscription = request->subscription();
  options.start = request->start();
  options.max_batch_size = request->max_batch_size();
  options.min_interval = request->min_interval();
  return ServeStream(*parts_.subscriptions, *parts_.telemetry, *parts_.streams, *context, options,
                     [&](const StreamTicket& ticket, JournalBatch batch) {
                       v1::SubscribeTelemetryResponse response;
                       response.set_journal_id(parts_.telemetry->id());
                       response.set_epoch(ticket.epoch);
                       AddGaps(batch.gaps, response.mutable_gaps());
                       const int unreadable = filter->Encode(batch, &response);
                       if (unreadable > 0) {
                         spdlog::error(
                             "{} records before offset {} are no telemetry and were left out",
                             unreadable, batch.next_offset);
                       }
                       return writer->Write(response);
                     });
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
