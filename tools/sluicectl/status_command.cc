#include "tools/sluicectl/status_command.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/command_service.grpc.pb.h"
#include "sluice/v1/registry_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/exit_code.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/health.h"
#include "tools/sluicectl/json_output.h"
#include "tools/sluicectl/pages.h"

namespace sluice::sluicectl {
namespace {

// One service, as far as it can be known.
struct Report {
  ServiceName service = ServiceName::kIngress;
  std::string address;
  absl::Status health;
  // Registry: how many devices are of each status.
  std::map<std::string, int64_t> devices;
  // Ingress and analytics.
  std::vector<v1::Subscription> subscriptions;
  // What kept devices or subscriptions from being read.
  absl::Status contents;
};

std::vector<std::string> GrpcServicesOf(ServiceName service) {
  switch (service) {
    case ServiceName::kIngress:
      return {v1::TelemetryService::service_full_name()};
    case ServiceName::kRegistry:
      return {v1::RegistryService::service_full_name(), v1::CommandService::service_full_name()};
    case ServiceName::kAnalytics:
      break;
  }
  return {v1::AnalyticsService::service_full_name()};
}

PageOptions All() {
  PageOptions options;
  options.all = true;
  return options;
}

absl::Status CountDevices(const Endpoint& registry, Report* report) {
  using Stub = v1::RegistryService::StubInterface;
  const auto stub = v1::RegistryService::NewStub(registry.channel);
  return FetchPages(
             All(),
             [&](int32_t page_size, const std::string& token) -> absl::StatusOr<std::string> {
               v1::ListDevicesRequest request;
               request.set_page_size(page_size);
               request.set_page_token(token);
               const auto page = Call<Stub>(registry, *stub, &Stub::ListDevices, request);
               if (!page.ok()) return page.status();
               for (const v1::Device& device : page->devices()) {
                 const std::string name = v1::DeviceStatus_Name(device.status());
                 ++report->devices[std::string(absl::StripPrefix(name, "DEVICE_STATUS_"))];
               }
               return page->next_page_token();
             })
      .status();
}

template <typename Service>
absl::Status ReadSubscriptions(const Endpoint& endpoint, Report* report) {
  using Stub = typename Service::StubInterface;
  const auto stub = Service::NewStub(endpoint.channel);
  return FetchPages(
             All(),
             [&](int32_t page_size, const std::string& token) -> absl::StatusOr<std::string> {
               v1::ListSubscriptionsRequest request;
               request.set_page_size(page_size);
               request.set_page_token(token);
               const auto page = Call<Stub>(endpoint, *stub, &Stub::ListSubscriptions, request);
               if (!page.ok()) return page.status();
               report->subscriptions.insert(report->subscriptions.end(),
                                            page->subscriptions().begin(),
                                            page->subscriptions().end());
               return page->next_page_token();
             })
      .status();
}

Report Inspect(const Session& session, ServiceName service) {
  Report report;
  report.service = service;
  const auto endpoint = FindEndpoint(session, service);
  if (!endpoint.ok()) {
    report.health = endpoint.status();
    return report;
  }
  report.address = endpoint->address;
  for (const std::string& name : GrpcServicesOf(service)) {
    report.health = AtEndpoint(*endpoint, CheckHealth(endpoint->channel, name, endpoint->timeout));
    if (absl::IsNotFound(report.health)) {
      report.health = absl::NotFoundError(absl::StrCat("what listens there is no ", name));
    }
    if (!report.health.ok()) return report;
  }
  switch (service) {
    case ServiceName::kIngress:
      report.contents = ReadSubscriptions<v1::TelemetryService>(*endpoint, &report);
      break;
    case ServiceName::kRegistry:
      report.contents = CountDevices(*endpoint, &report);
      break;
    case ServiceName::kAnalytics:
      report.contents = ReadSubscriptions<v1::AnalyticsService>(*endpoint, &report);
      break;
  }
  return report;
}

bool IsUnreachable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

Cell HealthCell(const absl::Status& health) {
  if (health.ok()) return Cell("serving", Tone::kGood);
  return Cell(IsUnreachable(health) ? "no answer" : "not serving", Tone::kBad);
}

// What the service holds, or why it does not serve.
std::string Details(const Report& report) {
  const absl::Status& failure = report.health.ok() ? report.contents : report.health;
  if (!failure.ok()) {
    return absl::StrCat(CodeName(static_cast<int>(failure.code())), ": ", failure.message());
  }
  if (report.service == ServiceName::kRegistry) {
    int64_t total = 0;
    std::vector<std::string> parts;
    for (const auto& [status, count] : report.devices) {
      total += count;
      parts.push_back(absl::StrCat(count, " ", status));
    }
    return absl::StrCat(total, total == 1 ? " device" : " devices", parts.empty() ? "" : ": ",
                        absl::StrJoin(parts, ", "));
  }
  if (report.subscriptions.empty()) return "no subscriptions";
  const v1::Subscription* slowest = &report.subscriptions.front();
  int64_t connected = 0;
  for (const v1::Subscription& subscription : report.subscriptions) {
    connected += subscription.connected() ? 1 : 0;
    if (subscription.lag_records() > slowest->lag_records()) slowest = &subscription;
  }
  return absl::StrCat(report.subscriptions.size(),
                      report.subscriptions.size() == 1 ? " subscription" : " subscriptions", ", ",
                      connected, " connected, greatest lag ", slowest->lag_records(), " (",
                      slowest->name(), ")");
}

void WriteReport(const Console& console, const Report& report) {
  std::string line = absl::StrCat("{\"service\":", QuoteJson(ToString(report.service)),
                                  ",\"address\":", QuoteJson(report.address),
                                  ",\"serving\":", report.health.ok() ? "true" : "false");
  const absl::Status& failure = report.health.ok() ? report.contents : report.health;
  if (!failure.ok()) {
    absl::StrAppend(&line, ",\"error\":",
                    QuoteJson(absl::StrCat(CodeName(static_cast<int>(failure.code())), ": ",
                                           failure.message())));
  } else if (report.service == ServiceName::kRegistry) {
    absl::StrAppend(&line, ",\"devices\":{",
                    absl::StrJoin(report.devices, ",",
                                  [](std::string* out, const auto& count) {
                                    absl::StrAppend(out, QuoteJson(count.first), ":", count.second);
                                  }),
                    "}");
  } else {
    std::vector<std::string> subscriptions;
    for (const v1::Subscription& subscription : report.subscriptions) {
      const auto json = ToJsonLine(subscription);
      if (json.ok()) subscriptions.push_back(*json);
    }
    absl::StrAppend(&line, ",\"subscriptions\":[", absl::StrJoin(subscriptions, ","), "]");
  }
  *console.out << line << "}\n";
}

}  // namespace

int Run(const Session& session, const StatusOptions&) {
  const Console& console = *session.console;
  Table table({{"SERVICE"}, {"ADDRESS"}, {"HEALTH"}, {"DETAILS"}});
  bool unreachable = false;
  bool refused = false;
  for (const ServiceName service :
       {ServiceName::kIngress, ServiceName::kRegistry, ServiceName::kAnalytics}) {
    const Report report = Inspect(session, service);
    const absl::Status& failure = report.health.ok() ? report.contents : report.health;
    unreachable = unreachable || IsUnreachable(failure);
    refused = refused || !failure.ok();
    if (console.json) {
      WriteReport(console, report);
    } else {
      table.Add({ToString(service), report.address.empty() ? "?" : report.address,
                 HealthCell(report.health), Details(report)});
    }
  }
  // Not cut: why a service does not serve stands at the end.
  TableStyle style = console.style;
  style.width = 0;
  if (!console.json) *console.out << table.Render(style);
  return unreachable ? kExitUnreachable : refused ? kExitRefused : kExitOk;
}

}  // namespace sluice::sluicectl
