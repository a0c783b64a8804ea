#include "services/analytics/analytics_rpc.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/device_id/device_id.h"
#include "libs/page/page_token.h"
#include "libs/rpc/grpc_status.h"
#include "libs/status/field_violation.h"
#include "libs/subscription/serve_stream.h"
#include "libs/subscription/subscription_proto.h"
#include "services/analytics/analysis/insight_log.h"

namespace sluice::analytics {
namespace {

constexpr int kMaxDeviceIds = 1000;

// Between the parts of a page's last key: device ids hold no space.
constexpr char kSeparator = ' ';

absl::Status List(const Analysis& analysis, const v1::ListSeriesRequest& request,
                  v1::ListSeriesResponse* response) {
  if (!request.device_id().empty()) {
    if (absl::Status status = ValidateId(request.device_id(), "device_id"); !status.ok()) {
      return status;
    }
  }
  const absl::StatusOr<int> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  const std::string context = absl::StrCat("ListSeries ", request.device_id());
  const absl::StatusOr<std::string> after = ParsePageToken(context, request.page_token());
  if (!after.ok()) return after.status();
  const size_t separator = std::min(after->find(kSeparator), after->size());
  const std::string after_device = after->substr(0, separator);
  const std::string after_metric = after->substr(std::min(separator + 1, after->size()));

  // One more than the page holds tells whether there is another page.
  std::vector<v1::Series> series =
      analysis.ListSeries(after_device, after_metric, request.device_id(), *page_size + 1);
  if (series.size() > static_cast<size_t>(*page_size)) {
    series.pop_back();
    response->set_next_page_token(
        MakePageToken(context, absl::StrCat(series.back().device_id(), std::string(1, kSeparator),
                                            series.back().metric())));
  }
  for (v1::Series& one : series) *response->add_series() = std::move(one);
  return absl::OkStatus();
}

absl::Status ValidateDeviceIds(const v1::SubscribeInsightsRequest& request) {
  if (request.device_ids_size() > kMaxDeviceIds) {
    return InvalidField("device_ids",
                        absl::StrCat("holds ", request.device_ids_size(), " ids; at most ",
                                     kMaxDeviceIds, " are allowed"));
  }
  for (int i = 0; i < request.device_ids_size(); ++i) {
    const absl::Status status =
        ValidateId(request.device_ids(i), absl::StrCat("device_ids[", i, "]"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status AnalyticsRpc::ListSeries(grpc::ServerContext*, const v1::ListSeriesRequest* request,
                                      v1::ListSeriesResponse* response) {
  return rpc::ToGrpc(List(*analysis_, *request, response));
}

grpc::Status AnalyticsRpc::GetSeries(grpc::ServerContext*, const v1::GetSeriesRequest* request,
                                     v1::Series* response) {
  if (absl::Status status = ValidateId(request->device_id(), "device_id"); !status.ok()) {
    return rpc::ToGrpc(status);
  }
  if (request->metric().empty()) {
    return rpc::ToGrpc(InvalidField("metric", "must not be empty"));
  }
  absl::StatusOr<v1::Series> series = analysis_->GetSeries(request->device_id(), request->metric());
  if (!series.ok()) return rpc::ToGrpc(series.status());
  *response = *std::move(series);
  return grpc::Status::OK;
}

grpc::Status AnalyticsRpc::SubscribeInsights(
    grpc::ServerContext* context, const v1::SubscribeInsightsRequest* request,
    grpc::ServerWriter<v1::SubscribeInsightsResponse>* writer) {
  if (absl::Status status = ValidateDeviceIds(*request); !status.ok()) return rpc::ToGrpc(status);
  const absl::flat_hash_set<std::string> wanted(request->device_ids().begin(),
                                                request->device_ids().end());
  StreamOptions options;
  options.subscription = request->subscription();
  options.start = request->start();
  options.max_batch_size = request->max_batch_size();
  v1::SubscribeInsightsResponse response;
  return ServeStream({subscriptions_, insights_, streams_, clock_}, *context, options,
                     [&](const StreamTicket& ticket, const JournalBatch& batch) {
                       response.Clear();
                       response.set_journal_id(insights_->id());
                       response.set_epoch(ticket.epoch);
                       response.set_next_offset(batch.next_offset);
                       AddGaps(batch.gaps, response.mutable_gaps());
                       for (const JournalRecord& record : batch.records) {
                         absl::StatusOr<v1::Insight> insight = DecodeInsight(record);
                         if (!insight.ok()) {
                           spdlog::error("insight journal: {}", insight.status().ToString());
                           continue;
                         }
                         if (!wanted.empty() && !wanted.contains(insight->device_id())) continue;
                         *response.add_insights() = *std::move(insight);
                       }
                       return writer->Write(response);
                     });
}

grpc::Status AnalyticsRpc::AcknowledgeInsights(grpc::ServerContext*,
                                               const v1::AcknowledgeRequest* request,
                                               v1::AcknowledgeResponse* response) {
  return subscription_rpcs_.Acknowledge(*request, response);
}

grpc::Status AnalyticsRpc::CreateSubscription(grpc::ServerContext*,
                                              const v1::CreateSubscriptionRequest* request,
                                              v1::Subscription* response) {
  return subscription_rpcs_.Create(*request, response);
}

grpc::Status AnalyticsRpc::ListSubscriptions(grpc::ServerContext*,
                                             const v1::ListSubscriptionsRequest* request,
                                             v1::ListSubscriptionsResponse* response) {
  return subscription_rpcs_.List(*request, response);
}

grpc::Status AnalyticsRpc::SeekSubscription(grpc::ServerContext*,
                                            const v1::SeekSubscriptionRequest* request,
                                            v1::Subscription* response) {
  return subscription_rpcs_.Seek(*request, response);
}

grpc::Status AnalyticsRpc::DeleteSubscription(grpc::ServerContext*,
                                              const v1::DeleteSubscriptionRequest* request,
                                              google::protobuf::Empty* response) {
  return subscription_rpcs_.Delete(*request, response);
}

}  // namespace sluice::analytics
