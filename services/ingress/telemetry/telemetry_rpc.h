#ifndef SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RPC_H_
#define SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RPC_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

#include <functional>

#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "libs/rpc/stream_gate.h"
#include "libs/subscription/subscription_rpcs.h"
#include "libs/subscription/subscription_store.h"
#include "services/ingress/dead_letters/dead_letter_log.h"
#include "services/ingress/dead_letters/dead_letter_replay.h"
#include "services/ingress/intake/journal_intake.h"
#include "services/ingress/intake/memory_budget.h"
#include "services/ingress/ring/unknown_topics.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace sluice::ingress {

// sluice.v1.TelemetryService over the intake, the telemetry journal with its subscriptions, and the
// dead-letter log. Thread-safe.
class TelemetryRpc final : public v1::TelemetryService::WithStreamedUnaryMethod_PublishTelemetry<
                               v1::TelemetryService::Service> {
 public:
  // What it works with; all of it outlives the service.
  struct Parts {
    JournalIntake* intake;
    MemoryBudget* budget;
    Journal* telemetry;
    SubscriptionStore* subscriptions;
    const DeadLetterLog* dead_letters;
    const UnknownTopics* unknown_topics;
    rpc::StreamGate* streams;
    const Clock* clock;
    // Is told how long each PublishTelemetry call took to reach the disk.
    std::function<void(absl::Duration)> on_acknowledged;
  };
  explicit TelemetryRpc(Parts parts);

  // PublishTelemetry; reads the request itself, since what is taken in is changed in its place.
  grpc::Status StreamedPublishTelemetry(
      grpc::ServerContext* context,
      grpc::ServerUnaryStreamer<v1::PublishTelemetryRequest, v1::PublishTelemetryResponse>*
          streamer) override;
  grpc::Status AcknowledgeTelemetry(grpc::ServerContext* context,
                                    const v1::AcknowledgeRequest* request,
                                    v1::AcknowledgeResponse* response) override;
  grpc::Status CreateSubscription(grpc::ServerContext* context,
                                  const v1::CreateSubscriptionRequest* request,
                                  v1::Subscription* response) override;
  grpc::Status ListSubscriptions(grpc::ServerContext* context,
                                 const v1::ListSubscriptionsRequest* request,
                                 v1::ListSubscriptionsResponse* response) override;
  grpc::Status SeekSubscription(grpc::ServerContext* context,
                                const v1::SeekSubscriptionRequest* request,
                                v1::Subscription* response) override;
  grpc::Status DeleteSubscription(grpc::ServerContext* context,
                                  const v1::DeleteSubscriptionRequest* request,
                                  google::protobuf::Empty* response) override;
  grpc::Status ListDeadLetters(grpc::ServerContext* context,
                               const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override;
  grpc::Status GetDeadLetter(grpc::ServerContext* context, const v1::GetDeadLetterRequest* request,
                             v1::DeadLetter* response) override;
  grpc::Status ReplayDeadLetters(grpc::ServerContext* context,
                                 const v1::ReplayDeadLettersRequest* request,
                                 v1::ReplayDeadLettersResponse* response) override;
  grpc::Status PurgeDeadLetters(grpc::ServerContext* context,
                                const v1::PurgeDeadLettersRequest* request,
                                v1::PurgeDeadLettersResponse* response) override;
  grpc::Status ListUnknownTopics(grpc::ServerContext* context,
                                 const v1::ListUnknownTopicsRequest* request,
                                 v1::ListUnknownTopicsResponse* response) override;

 private:
  // SubscribeTelemetry, whose responses are written as bytes.
  using SubscribeStreamer =
      grpc::ServerSplitStreamer<v1::SubscribeTelemetryRequest, grpc::ByteBuffer>;
  grpc::Status Subscribe(grpc::ServerContext* context, SubscribeStreamer* streamer);

  // Waits until what the receipt names is on disk, as long as the call lasts, or for half a minute
  // from `begin` (an uptime) on.
  absl::Status AwaitOnDisk(const grpc::ServerContext& context, absl::Duration begin,
                           const Receipt& receipt) const;

  const Parts parts_;
  SubscriptionRpcs subscription_rpcs_;
  DeadLetterReplay dead_letter_replay_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RPC_H_
