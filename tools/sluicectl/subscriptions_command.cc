#include "tools/sluicectl/subscriptions_command.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/pages.h"
#include "tools/sluicectl/time_format.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

using TelemetryStub = v1::TelemetryService::StubInterface;
using InsightStub = v1::AnalyticsService::StubInterface;

ServiceName ServiceOf(bool insights) {
  return insights ? ServiceName::kAnalytics : ServiceName::kIngress;
}

// The same method of both services: `method` of the one whose journal is meant.
template <typename Request, typename Response>
absl::StatusOr<Response> CallEither(
    const Endpoint& endpoint, const Request& request,
    grpc::Status (TelemetryStub::*telemetry_method)(grpc::ClientContext*, const Request&,
                                                    Response*),
    grpc::Status (InsightStub::*insight_method)(grpc::ClientContext*, const Request&, Response*)) {
  if (endpoint.service == ServiceName::kAnalytics) {
    const auto stub = v1::AnalyticsService::NewStub(endpoint.channel);
    return Call<InsightStub>(endpoint, *stub, insight_method, request);
  }
  const auto stub = v1::TelemetryService::NewStub(endpoint.channel);
  return Call<TelemetryStub>(endpoint, *stub, telemetry_method, request);
}

std::vector<Cell> RowOf(const Console& console, const v1::Subscription& subscription) {
  return {subscription.name(),
          absl::StrCat(subscription.lag_records()),
          absl::StrCat(subscription.lag_bytes()),
          subscription.has_oldest_unacknowledged_time()
              ? AgeCell(console, FromProto(subscription.oldest_unacknowledged_time()))
              : Cell("-", Tone::kFaint),
          absl::StrCat(subscription.cursor()),
          subscription.connected() ? Cell("yes", Tone::kGood) : Cell("no", Tone::kFaint),
          absl::StrCat(subscription.epoch()),
          AgeCell(console, FromProto(subscription.last_used_time())),
          subscription.has_expire_after() ? DurationText(FromProto(subscription.expire_after()))
                                          : std::string("never")};
}

const std::vector<Column>& Columns() {
  static const auto* const columns = new std::vector<Column>{
      {"NAME"},      {"LAG", true},   {"BYTES", true}, {"OLDEST"},       {"CURSOR", true},
      {"CONNECTED"}, {"EPOCH", true}, {"LAST USED"},   {"EXPIRES AFTER"}};
  return *columns;
}

// One subscription, as a call answered it.
void Show(const Console& console, const v1::Subscription& subscription) {
  if (console.json) {
    WriteJson(console, subscription);
    return;
  }
  Table table(Columns());
  table.Add(RowOf(console, subscription));
  WriteTable(console, table, "");
}

}  // namespace

int Run(const Session& session, const SubscriptionsListOptions& options) {
  constexpr char kCommand[] = "subscriptions list";
  const Console& console = *session.console;
  const auto endpoint = FindEndpoint(session, ServiceOf(options.insights));
  if (!endpoint.ok()) return ReportServiceError(console, kCommand, endpoint.status());
  Table table(Columns());
  const auto fetch = [&](int32_t page_size,
                         const std::string& token) -> absl::StatusOr<std::string> {
    v1::ListSubscriptionsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    const auto page = CallEither(*endpoint, request, &TelemetryStub::ListSubscriptions,
                                 &InsightStub::ListSubscriptions);
    if (!page.ok()) return page.status();
    for (const v1::Subscription& subscription : page->subscriptions()) {
      if (console.json) {
        WriteJson(console, subscription);
      } else {
        table.Add(RowOf(console, subscription));
      }
    }
    return page->next_page_token();
  };
  const auto next = FetchPages(options.page, fetch);
  if (!console.json && next.ok()) WriteTable(console, table, "no subscriptions");
  if (!next.ok()) return ReportServiceError(console, kCommand, next.status());
  return ReportNextPage(console, kCommand, *next);
}

int Run(const Session& session, const SubscriptionsCreateOptions& options) {
  constexpr char kCommand[] = "subscriptions create";
  const Console& console = *session.console;
  const auto start = ParseStart(options.from);
  if (!start.ok()) return ReportUsageError(console, kCommand, start.status());
  const auto endpoint = FindEndpoint(session, ServiceOf(options.insights));
  if (!endpoint.ok()) return ReportServiceError(console, kCommand, endpoint.status());
  v1::CreateSubscriptionRequest request;
  request.mutable_subscription()->set_name(options.name);
  if (options.expire_after > absl::ZeroDuration()) {
    *request.mutable_subscription()->mutable_expire_after() = ToProto(options.expire_after);
  }
  *request.mutable_start() = *start;
  const auto created = CallEither(*endpoint, request, &TelemetryStub::CreateSubscription,
                                  &InsightStub::CreateSubscription);
  if (!created.ok()) return ReportServiceError(console, kCommand, created.status());
  Show(console, *created);
  return kExitOk;
}

int Run(const Session& session, const SubscriptionsSeekOptions& options) {
  constexpr char kCommand[] = "subscriptions seek";
  const Console& console = *session.console;
  const auto start = ParseStart(options.to);
  if (!start.ok()) return ReportUsageError(console, kCommand, start.status());
  const auto endpoint = FindEndpoint(session, ServiceOf(options.insights));
  if (!endpoint.ok()) return ReportServiceError(console, kCommand, endpoint.status());
  v1::SeekSubscriptionRequest request;
  request.set_name(options.name);
  *request.mutable_start() = *start;
  const auto moved = CallEither(*endpoint, request, &TelemetryStub::SeekSubscription,
                                &InsightStub::SeekSubscription);
  if (!moved.ok()) return ReportServiceError(console, kCommand, moved.status());
  Show(console, *moved);
  return kExitOk;
}

int Run(const Session& session, const SubscriptionsDeleteOptions& options) {
  constexpr char kCommand[] = "subscriptions delete";
  const Console& console = *session.console;
  const auto endpoint = FindEndpoint(session, ServiceOf(options.insights));
  if (!endpoint.ok()) return ReportServiceError(console, kCommand, endpoint.status());
  v1::DeleteSubscriptionRequest request;
  request.set_name(options.name);
  const auto deleted = CallEither(*endpoint, request, &TelemetryStub::DeleteSubscription,
                                  &InsightStub::DeleteSubscription);
  if (!deleted.ok()) return ReportServiceError(console, kCommand, deleted.status());
  if (console.json) {
    WriteJson(console, *deleted);
  } else {
    *console.out << "deleted\n";
  }
  return kExitOk;
}

}  // namespace sluice::sluicectl
