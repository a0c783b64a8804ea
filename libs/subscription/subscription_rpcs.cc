#include "libs/subscription/subscription_rpcs.h"

#include "libs/page/page_token.h"
#include "libs/rpc/grpc_status.h"
#include "libs/subscription/subscription_proto.h"

namespace sluice {
namespace {

constexpr char kListContext[] = "ListSubscriptions";

}  // namespace

grpc::Status SubscriptionRpcs::Create(const v1::CreateSubscriptionRequest& request,
                                      v1::Subscription* response) {
  const auto start = StartFromProto(request.start(), "start");
  if (!start.ok()) return rpc::ToGrpc(start.status());
  const auto expire_after = ExpireAfterFromProto(request.subscription(), "subscription");
  if (!expire_after.ok()) return rpc::ToGrpc(expire_after.status());
  const auto info = store_->Create(request.subscription().name(), *start, *expire_after);
  if (!info.ok()) return rpc::ToGrpc(info.status());
  *response = ToProto(*info);
  return grpc::Status::OK;
}

grpc::Status SubscriptionRpcs::List(const v1::ListSubscriptionsRequest& request,
                                    v1::ListSubscriptionsResponse* response) {
  const auto page_size = PageSize(request.page_size());
  if (!page_size.ok()) return rpc::ToGrpc(page_size.status());
  const auto after = ParsePageToken(kListContext, request.page_token());
  if (!after.ok()) return rpc::ToGrpc(after.status());
  // One more tells whether another page follows.
  auto infos = store_->List(*after, *page_size + 1);
  const bool more = static_cast<int>(infos.size()) > *page_size;
  if (more) infos.pop_back();
  for (const SubscriptionInfo& info : infos) *response->add_subscriptions() = ToProto(info);
  if (more) response->set_next_page_token(MakePageToken(kListContext, infos.back().name));
  return grpc::Status::OK;
}

grpc::Status SubscriptionRpcs::Seek(const v1::SeekSubscriptionRequest& request,
                                    v1::Subscription* response) {
  const auto start = StartFromProto(request.start(), "start");
  if (!start.ok()) return rpc::ToGrpc(start.status());
  const auto info = store_->Seek(request.name(), *start);
  if (!info.ok()) return rpc::ToGrpc(info.status());
  *response = ToProto(*info);
  return grpc::Status::OK;
}

grpc::Status SubscriptionRpcs::Delete(const v1::DeleteSubscriptionRequest& request,
                                      google::protobuf::Empty*) {
  return rpc::ToGrpc(store_->Delete(request.name()));
}

grpc::Status SubscriptionRpcs::Acknowledge(const v1::AcknowledgeRequest& request,
                                           v1::AcknowledgeResponse* response) {
  const auto cursor = store_->Acknowledge(request.subscription(), request.journal_id(),
                                          request.epoch(), request.offset());
  if (!cursor.ok()) return rpc::ToGrpc(cursor.status());
  response->set_cursor(*cursor);
  return grpc::Status::OK;
}

}  // namespace sluice
