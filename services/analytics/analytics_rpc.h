#ifndef SLUICE_SERVICES_ANALYTICS_ANALYTICS_RPC_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYTICS_RPC_H_

#include <google/protobuf/empty.pb.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "libs/rpc/stream_gate.h"
#include "libs/subscription/subscription_rpcs.h"
#include "libs/subscription/subscription_store.h"
#include "services/analytics/analysis/analysis.h"
#include "sluice/v1/analytics_service.grpc.pb.h"

namespace sluice::analytics {

// sluice.v1.AnalyticsService over gRPC. Thread-safe; a stream occupies its thread and a pass of the
// gate.
class AnalyticsRpc final : public v1::AnalyticsService::Service {
 public:
  // All must outlive it.
  AnalyticsRpc(const Analysis* analysis, Journal* insights, SubscriptionStore* subscriptions,
               rpc::StreamGate* streams, const Clock* clock)
      : analysis_(analysis),
        insights_(insights),
        subscriptions_(subscriptions),
        subscription_rpcs_(subscriptions),
        streams_(streams),
        clock_(clock) {}

  grpc::Status ListSeries(grpc::ServerContext* context, const v1::ListSeriesRequest* request,
                          v1::ListSeriesResponse* response) override;
  grpc::Status GetSeries(grpc::ServerContext* context, const v1::GetSeriesRequest* request,
                         v1::Series* response) override;
  grpc::Status SubscribeInsights(
      grpc::ServerContext* context, const v1::SubscribeInsightsRequest* request,
      grpc::ServerWriter<v1::SubscribeInsightsResponse>* writer) override;
  grpc::Status AcknowledgeInsights(grpc::ServerContext* context,
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

 private:
  const Analysis* const analysis_;
  Journal* const insights_;
  SubscriptionStore* const subscriptions_;
  SubscriptionRpcs subscription_rpcs_;
  rpc::StreamGate* const streams_;
  const Clock* const clock_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYTICS_RPC_H_
