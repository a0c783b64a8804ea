#ifndef SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_RPCS_H_
#define SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_RPCS_H_

#include <google/protobuf/empty.pb.h>
#include <grpcpp/impl/codegen/status.h>

#include "libs/subscription/subscription_store.h"
#include "sluice/v1/subscription.pb.h"

namespace sluice {

// The bodies of the methods about named subscriptions, which are the same for each journal that
// can be subscribed to. Thread-safe.
class SubscriptionRpcs {
 public:
  // `store` must outlive it.
  explicit SubscriptionRpcs(SubscriptionStore* store) : store_(store) {}

  grpc::Status Create(const v1::CreateSubscriptionRequest& request, v1::Subscription* response);
  grpc::Status List(const v1::ListSubscriptionsRequest& request,
                    v1::ListSubscriptionsResponse* response);
  grpc::Status Seek(const v1::SeekSubscriptionRequest& request, v1::Subscription* response);
  grpc::Status Delete(const v1::DeleteSubscriptionRequest& request,
                      google::protobuf::Empty* response);
  grpc::Status Acknowledge(const v1::AcknowledgeRequest& request,
                           v1::AcknowledgeResponse* response);

 private:
  SubscriptionStore* const store_;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_RPCS_H_
