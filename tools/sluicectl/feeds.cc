#include "tools/sluicectl/feeds.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/proto_time/proto_time.h"
#include "libs/rpc/grpc_status.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/time_format.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

// The two services differ in names alone.

const auto& RecordsOf(const v1::SubscribeTelemetryResponse& response) {
  return response.telemetry();
}
const auto& RecordsOf(const v1::SubscribeInsightsResponse& response) { return response.insights(); }

auto Subscribe(v1::TelemetryService::StubInterface& stub, grpc::ClientContext* context,
               const v1::SubscribeTelemetryRequest& request) {
  return stub.SubscribeTelemetry(context, request);
}
auto Subscribe(v1::AnalyticsService::StubInterface& stub, grpc::ClientContext* context,
               const v1::SubscribeInsightsRequest& request) {
  return stub.SubscribeInsights(context, request);
}

auto AcknowledgeMethod(const v1::TelemetryService::StubInterface*) {
  return &v1::TelemetryService::StubInterface::AcknowledgeTelemetry;
}
auto AcknowledgeMethod(const v1::AnalyticsService::StubInterface*) {
  return &v1::AnalyticsService::StubInterface::AcknowledgeInsights;
}

// Telemetry comes filtered; insights are filtered by metric here.

void SetFilter(const FeedFilter& filter, v1::SubscribeTelemetryRequest* request) {
  for (const auto& id : filter.devices) request->mutable_filter()->add_device_ids(id);
  for (const auto& metric : filter.metrics) request->mutable_filter()->add_metrics(metric);
}
void SetFilter(const FeedFilter& filter, v1::SubscribeInsightsRequest* request) {
  for (const auto& id : filter.devices) request->add_device_ids(id);
}

bool Passes(const v1::Telemetry&, const std::vector<std::string>&) { return true; }
bool Passes(const v1::Insight& insight, const std::vector<std::string>& metrics) {
  return metrics.empty() ||
         std::find(metrics.begin(), metrics.end(), insight.metric()) != metrics.end();
}

template <typename Response>
class GrpcFeedStream final : public FeedStream {
 public:
  using Reader = grpc::ClientReaderInterface<Response>;

  // `endpoint` and `metrics` must outlive it.
  GrpcFeedStream(const Endpoint& endpoint, const std::vector<std::string>& metrics,
                 std::unique_ptr<grpc::ClientContext> context, std::unique_ptr<Reader> reader)
      : endpoint_(endpoint),
        metrics_(metrics),
        context_(std::move(context)),
        reader_(std::move(reader)) {}

  ~GrpcFeedStream() override {
    if (finished_) return;
    context_->TryCancel();
    while (reader_->Read(&response_)) {
    }
    reader_->Finish();
  }

  bool Read(FeedBatch* batch) override {
    if (!reader_->Read(&response_)) return false;
    batch->journal_id = response_.journal_id();
    batch->epoch = response_.epoch();
    batch->records.clear();
    for (const auto& record : RecordsOf(response_)) {
      if (Passes(record, metrics_)) batch->records.push_back({record.offset(), &record});
    }
    batch->gaps.assign(response_.gaps().begin(), response_.gaps().end());
    batch->next_offset = response_.next_offset();
    return true;
  }

  absl::Status Finish() override {
    finished_ = true;
    return AtEndpoint(endpoint_, rpc::FromGrpc(reader_->Finish()));
  }

  void Cancel() override { context_->TryCancel(); }

 private:
  const Endpoint& endpoint_;
  const std::vector<std::string>& metrics_;
  const std::unique_ptr<grpc::ClientContext> context_;
  const std::unique_ptr<Reader> reader_;
  Response response_;
  bool finished_ = false;
};

// A stream that could not be opened.
class FailedFeedStream final : public FeedStream {
 public:
  explicit FailedFeedStream(absl::Status status) : status_(std::move(status)) {}
  bool Read(FeedBatch*) override { return false; }
  absl::Status Finish() override { return status_; }
  void Cancel() override {}

 private:
  const absl::Status status_;
};

// What both feeds have in common: `Service` is a gRPC service, `Response` what it streams.
template <typename Service, typename Request, typename Response>
class GrpcFeed : public Feed {
 public:
  using Stub = typename Service::StubInterface;

  GrpcFeed(const Session& session, Endpoint endpoint, FeedFilter filter)
      : session_(session),
        endpoint_(std::move(endpoint)),
        filter_(std::move(filter)),
        stub_(Service::NewStub(endpoint_.channel)) {}

  std::unique_ptr<FeedStream> Open(const v1::Start& start, int max_batch_size) final {
    if (opened_) {
      // A new channel also begins without the back-off of the old one: whoever calls has waited.
      auto found = FindEndpoint(session_, endpoint_.service);
      if (!found.ok()) return std::make_unique<FailedFeedStream>(found.status());
      endpoint_ = *std::move(found);
      stub_ = Service::NewStub(endpoint_.channel);
    }
    opened_ = true;
    Request request;
    request.set_subscription(filter_.subscription);
    *request.mutable_start() = start;
    request.set_max_batch_size(max_batch_size);
    SetFilter(filter_, &request);
    auto context = std::make_unique<grpc::ClientContext>();
    auto reader = Subscribe(*stub_, context.get(), request);
    return std::make_unique<GrpcFeedStream<Response>>(endpoint_, filter_.metrics,
                                                      std::move(context), std::move(reader));
  }

  absl::Status Acknowledge(const v1::AcknowledgeRequest& request) final {
    return Call<Stub>(endpoint_, *stub_, AcknowledgeMethod(stub_.get()), request).status();
  }

  std::string Describe() const final { return endpoint_.Describe(); }

 protected:
  absl::TimeZone zone() const { return session_.console->zone; }

 private:
  const Session session_;
  Endpoint endpoint_;
  const FeedFilter filter_;
  std::unique_ptr<Stub> stub_;
  bool opened_ = false;
};

class TelemetryFeed final : public GrpcFeed<v1::TelemetryService, v1::SubscribeTelemetryRequest,
                                            v1::SubscribeTelemetryResponse> {
 public:
  using GrpcFeed::GrpcFeed;

  std::vector<Column> Columns() const override {
    return {{"RECEIVED", false, 23},
            {"OFFSET", true, 8},
            {"DEVICE", false, 16},
            {"WAY", false, 4},
            {"READINGS"}};
  }

  std::vector<Cell> Row(const FeedRecord& record) const override {
    const auto& telemetry = static_cast<const v1::Telemetry&>(*record.message);
    std::string way = v1::Protocol_Name(telemetry.protocol());
    way = std::string(absl::StripPrefix(way, "PROTOCOL_"));
    if (!telemetry.via().empty()) absl::StrAppend(&way, " via ", telemetry.via());
    std::string readings;
    for (const v1::Reading& reading : telemetry.readings()) {
      absl::StrAppend(&readings, readings.empty() ? "" : "  ", FormatReading(reading));
    }
    return {TimeText(FromProto(telemetry.received_time()), zone(), /*milliseconds=*/true),
            absl::StrCat(telemetry.offset()), telemetry.device_id(), way, readings};
  }
};

class InsightFeed final : public GrpcFeed<v1::AnalyticsService, v1::SubscribeInsightsRequest,
                                          v1::SubscribeInsightsResponse> {
 public:
  using GrpcFeed::GrpcFeed;

  std::vector<Column> Columns() const override {
    return {{"SAMPLE TIME", false, 23}, {"OFFSET", true, 8}, {"DEVICE", false, 16},
            {"METRIC", false, 12},      {"VALUE", true, 10}, {"Z", true, 8},
            {"SCORE", true, 5},         {"WINDOW"}};
  }

  std::vector<Cell> Row(const FeedRecord& record) const override {
    const auto& insight = static_cast<const v1::Insight&>(*record.message);
    const v1::Anomaly& anomaly = insight.anomaly();
    const Tone tone = anomaly.anomaly_score() >= 1 ? Tone::kBad : Tone::kWarning;
    return {TimeText(FromProto(insight.sample_time()), zone(), /*milliseconds=*/true),
            absl::StrCat(insight.offset()),
            insight.device_id(),
            insight.metric(),
            FormatNumber(anomaly.value()),
            Cell(FormatStatistic(anomaly.z_score()), tone),
            FormatStatistic(anomaly.anomaly_score()),
            absl::StrCat("mean ", FormatStatistic(anomaly.mean()), " ± ",
                         FormatStatistic(anomaly.standard_deviation()), " of ",
                         anomaly.window_size_samples())};
  }
};

}  // namespace

std::unique_ptr<Feed> MakeTelemetryFeed(const Session& session, Endpoint ingress,
                                        FeedFilter filter) {
  return std::make_unique<TelemetryFeed>(session, std::move(ingress), std::move(filter));
}

std::unique_ptr<Feed> MakeInsightFeed(const Session& session, Endpoint analytics,
                                      FeedFilter filter) {
  return std::make_unique<InsightFeed>(session, std::move(analytics), std::move(filter));
}

}  // namespace sluice::sluicectl
