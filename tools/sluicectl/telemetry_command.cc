#include "tools/sluicectl/telemetry_command.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/feeds.h"
#include "tools/sluicectl/interruption.h"
#include "tools/sluicectl/signal_watch.h"
#include "tools/sluicectl/tail.h"
#include "tools/sluicectl/time_format.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

absl::StatusOr<v1::Telemetry> MessageOf(const TelemetryPublishOptions& options) {
  v1::Telemetry telemetry;
  telemetry.set_device_id(options.device);
  telemetry.set_message_id(options.message_id);
  for (const std::string& text : options.readings) {
    auto reading = ParseReading(text);
    if (!reading.ok()) return reading.status();
    reading->set_unit(options.unit);
    if (!options.time.empty()) {
      const auto time = ParseTime(options.time);
      if (!time.ok()) return time.status();
      *reading->mutable_time() = ToProto(*time);
    }
    *telemetry.add_readings() = *std::move(reading);
  }
  return telemetry;
}

absl::Status CheckTail(const TailOptions& options, const v1::Start& start) {
  if (options.subscription.empty() && options.acknowledge) {
    return absl::InvalidArgumentError(
        "--ack needs --subscription: without a name there is no cursor");
  }
  if (options.subscription.empty() && start.has_resume()) {
    return absl::InvalidArgumentError("--from resume needs --subscription");
  }
  return absl::OkStatus();
}

}  // namespace

int Run(const Session& session, const TelemetryPublishOptions& options) {
  constexpr char kCommand[] = "telemetry publish";
  const Console& console = *session.console;
  const auto telemetry = MessageOf(options);
  if (!telemetry.ok()) return ReportUsageError(console, kCommand, telemetry.status());
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
  using Stub = v1::TelemetryService::StubInterface;
  const auto stub = v1::TelemetryService::NewStub(ingress->channel);
  v1::PublishTelemetryRequest request;
  *request.add_telemetry() = *telemetry;
  const auto response = Call<Stub>(*ingress, *stub, &Stub::PublishTelemetry, request);
  if (!response.ok()) return ReportServiceError(console, kCommand, response.status());
  if (response->results_size() != 1) {
    return ReportServiceError(console, kCommand,
                              absl::InternalError("the service did not answer for the message"));
  }
  const v1::PublishResult& result = response->results(0);
  if (console.json) WriteJson(console, result);
  if (result.code() != 0) {
    return ReportServiceError(
        console, kCommand,
        absl::Status(static_cast<absl::StatusCode>(result.code()), result.message()));
  }
  if (!console.json) *console.out << "on disk, offset " << result.offset() << "\n";
  return kExitOk;
}

int Run(const Session& session, const TailOptions& options) {
  const Console& console = *session.console;
  TailSettings settings;
  settings.command = options.insights ? "insights tail" : "telemetry tail";
  settings.subscription = options.subscription;
  settings.count = options.count;
  settings.acknowledge = options.acknowledge;
  const auto start = ParseStart(options.from);
  if (!start.ok()) return ReportUsageError(console, settings.command, start.status());
  settings.start = *start;
  if (absl::Status status = CheckTail(options, *start); !status.ok()) {
    return ReportUsageError(console, settings.command, status);
  }
  auto endpoint =
      FindEndpoint(session, options.insights ? ServiceName::kAnalytics : ServiceName::kIngress);
  if (!endpoint.ok()) return ReportServiceError(console, settings.command, endpoint.status());
  FeedFilter filter{options.subscription, options.devices, options.metrics};
  const std::unique_ptr<Feed> feed =
      options.insights ? MakeInsightFeed(session, *std::move(endpoint), std::move(filter))
                       : MakeTelemetryFeed(session, *std::move(endpoint), std::move(filter));
  Interruption interruption;
  SignalWatch watch(&interruption);
  return RunTail(console, settings, feed.get(), &interruption);
}

}  // namespace sluice::sluicectl
