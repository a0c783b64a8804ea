#ifndef SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RPC_H_
#define SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RPC_H_

#include <functional>

#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "libs/rpc/stream_gate.h"
#include "libs/subscription/subscription_rpcs.h"
#include "libs/subscription/subscription_store.h"
#include "services/ingress/intake/journal_intake.h"
#include "services/ingress/intake/memory_budget.h"
#include "services/ingress/ring/unknown_topics.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace sluice::ingress {

// sluice.v1.TelemetryService over the intake, the telemetry journal with its subscriptions, and the
// dead-letter log. Thread-safe.
class TelemetryRpc final : public v1::TelemetryService::Service {
 public:
  // What it works with; all of it outlives the service.
  struct Parts {
    JournalIntake* intake;
    MemoryBudget* budget;
    Journal* telemetry;
    SubscriptionStore* subscriptions;
    Journal* dead_letters;
    const UnknownTopics* unknown_topics;
    rpc::StreamGate* streams;
    const Clock* clock;
    // Is told how long each PublishTelemetry call took to reach the disk.
    std::function<void(absl::Duration)> on_acknowledged;
  };
  explicit TelemetryRpc(Parts parts);

  grpc::Status PublishTelemetry(grpc::ServerContext* context,
                                const v1::PublishTelemetryRequest* request,
                                v1::PublishTelemetryResponse* response) override;
  grpc::Status SubscribeTelemetry(
      grpc::ServerContext* context, const v1::SubscribeTelemetryRequest* request,
      grpc::ServerWriter<v1::SubscribeTelemetryResponse>* writer) override;
  grpc::Status AcknowledgeTelemetry(grpc::ServerContext* context,
                                    const v1::AcknowledgeRequest* request,
                                    v1::AcknowledgeResponse* response) override;
  grpc::Status CreateSubscription(grpc::ServerContext* context,
                                  const v1::CreateSubscriptionRequest* request,
                                  v1::Subscription* response) override;
  grpc::Status ListSubscriptions(grpc::ServerContext* context,
                                 const v1::ListSubscriptionsRequest* request,
                                 v1::ListSubscriptionsResponse* response) override;
  grpc::Status DeleteSubscription(grpc::ServerContext* context,
                                  const v1::DeleteSubscriptionRequest* request,
                                  google::protobuf::Empty* response) override;
  grpc::Status ListDeadLetters(grpc::ServerContext* context,
                               const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override;
  grpc::Status ListUnknownTopics(grpc::ServerContext* context,
                                 const v1::ListUnknownTopicsRequest* request,
                                 v1::ListUnknownTopicsResponse* response) override;

 private:
  const Parts parts_;
  SubscriptionRpcs subscription_rpcs_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_RPC_H_
