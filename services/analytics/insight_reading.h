#ifndef SLUICE_SERVICES_ANALYTICS_INSIGHT_READING_H_
#define SLUICE_SERVICES_ANALYTICS_INSIGHT_READING_H_

#include <grpcpp/client_context.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sluice/v1/analytics_service.grpc.pb.h"

namespace sluice::analytics {

// For tests: the first `count` insights that a stream gives, fewer if it ends or takes a minute.
inline std::vector<v1::Insight> ReadInsights(v1::AnalyticsService::Stub* stub,
                                             const v1::SubscribeInsightsRequest& request,
                                             size_t count,
                                             v1::SubscribeInsightsResponse* last = nullptr) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(1)));
  const auto reader = stub->SubscribeInsights(&context, request);
  std::vector<v1::Insight> insights;
  v1::SubscribeInsightsResponse response;
  while (insights.size() < count && reader->Read(&response)) {
    insights.insert(insights.end(), response.insights().begin(), response.insights().end());
  }
  context.TryCancel();
  if (last != nullptr) *last = response;
  return insights;
}

// The same from the first insight there is.
inline std::vector<v1::Insight> ReadFromEarliest(v1::AnalyticsService::Stub* stub, size_t count) {
  v1::SubscribeInsightsRequest request;
  request.mutable_start()->mutable_earliest();
  return ReadInsights(stub, request, count);
}

// What names an insight, and what it says.
inline std::string Describe(const v1::Insight& insight) {
  return absl::StrCat(insight.telemetry_journal_id(), "/", insight.telemetry_offset(), "/",
                      insight.number(), " ", insight.device_id(), "/", insight.metric(), " z ",
                      insight.anomaly().z_score());
}

inline std::vector<std::string> Describe(const std::vector<v1::Insight>& insights) {
  std::vector<std::string> all;
  for (const v1::Insight& insight : insights) all.push_back(Describe(insight));
  return all;
}

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_INSIGHT_READING_H_
