#include "services/ingress/telemetry/telemetry_rpc.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "libs/proto_time/proto_time.h"
#include "libs/rpc/grpc_status.h"
#include "libs/subscription/serve_stream.h"
#include "libs/subscription/subscription_proto.h"
#include "services/ingress/telemetry/dead_letter_pages.h"
#include "services/ingress/telemetry/publish.h"
#include "services/ingress/telemetry/telemetry_filter.h"

namespace sluice::ingress {
namespace {

// How long a call without a deadline waits for the disk.
constexpr absl::Duration kLongestWait = absl::Seconds(30);

absl::Duration TimeLeft(const grpc::ServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteDuration();
  return absl::FromChrono(deadline - std::chrono::system_clock::now());
}

}  // namespace

TelemetryRpc::TelemetryRpc(Parts parts)
    : parts_(std::move(parts)), subscription_rpcs_(parts_.subscriptions) {}

grpc::Status TelemetryRpc::PublishTelemetry(grpc::ServerContext* context,
                                            const v1::PublishTelemetryRequest* request,
                                            v1::PublishTelemetryResponse* response) {
  const absl::Duration begin = parts_.clock->Uptime();
  MemoryBudget::Share memory(parts_.budget);
  if (!memory.TrySet(MemoryOf(*request))) {
    return rpc::ToGrpc(
        absl::ResourceExhaustedError("too much is under way already; send it again in a second"));
  }
  Receipt last;
  auto results = PublishAll(*request, MomentOf(*parts_.clock), parts_.intake, &last);
  if (!results.ok()) return rpc::ToGrpc(results.status());

  const bool has_deadline = TimeLeft(*context) != absl::InfiniteDuration();
  const absl::Status status = AwaitDurable(
      *parts_.intake, last,
      [&] {
        if (has_deadline) return TimeLeft(*context);
        return kLongestWait - (parts_.clock->Uptime() - begin);
      },
      [&] { return context->IsCancelled(); });
  if (!status.ok()) {
    // Without a deadline of the caller's it is the disk that is late.
    if (absl::IsDeadlineExceeded(status) && !has_deadline) {
      return rpc::ToGrpc(absl::UnavailableError(status.message()));
    }
    return rpc::ToGrpc(status);
  }
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

grpc::Status TelemetryRpc::DeleteSubscription(grpc::ServerContext*,
                                              const v1::DeleteSubscriptionRequest* request,
                                              google::protobuf::Empty* response) {
  return subscription_rpcs_.Delete(*request, response);
}

grpc::Status TelemetryRpc::ListDeadLetters(grpc::ServerContext*,
                                           const v1::ListDeadLettersRequest* request,
                                           v1::ListDeadLettersResponse* response) {
  auto page = ingress::ListDeadLetters(*request, parts_.dead_letters);
  if (!page.ok()) return rpc::ToGrpc(page.status());
  *response = *std::move(page);
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
