#include "services/analytics/analytics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "services/analytics/config.h"
#include "services/analytics/feed/fake_telemetry_service.h"
#include "services/analytics/insight_reading.h"

namespace sluice::analytics {
namespace {

// The service as RunService drives it, in this process, behind a real gRPC server.
class AnalyticsTest : public testing::Test {
 protected:
  AnalyticsTest() : config_(DefaultConfig()) {
    std::string dir = absl::StrCat(std::getenv("TEST_TMPDIR"), "/analytics-XXXXXX");
    config_.set_data_dir(mkdtemp(&dir[0]));
    config_.mutable_grpc()->set_listen("127.0.0.1:0");
    config_.mutable_ingress()->set_address(ingress_.address());
    config_.mutable_checkpoint_interval()->set_seconds(1);
  }
  ~AnalyticsTest() override {
    if (service_ != nullptr) Stop();
  }

  void Start() {
    metrics_ = std::make_unique<prometheus::Registry>();
    streams_ = std::make_unique<rpc::StreamGate>(10);
    auto service = Analytics::Create(config_, {&clock_, metrics_.get(), streams_.get()});
    ASSERT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
    auto server = rpc::Server::Start(config_.grpc(), service_->GrpcServices(), streams_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::AnalyticsService::NewStub(rpc::MakeChannel(server_->address()));
  }
  void Stop() {
    streams_->Stop();
    service_->BeginShutdown();
    server_->Shutdown(absl::Seconds(3));
    service_->Finish();
    service_.reset();
  }
  // Samples around 0.5, and one far off.
  void AddSamples(const std::string& device, const std::string& metric, int count) {
    for (int i = 0; i < count; ++i) ingress_.Add(device, metric, i % 2);
  }
  grpc::Status GetSeries(const std::string& device, const std::string& metric, v1::Series* series) {
    grpc::ClientContext context;
    v1::GetSeriesRequest request;
    request.set_device_id(device);
    request.set_metric(metric);
    return stub_->GetSeries(&context, request, series);
  }
  // Waits for it; the test's own time limit ends a wait that is in vain.
  v1::Series SeriesWith(const std::string& device, const std::string& metric, int64_t samples) {
    v1::Series series;
    while (!GetSeries(device, metric, &series).ok() || series.sample_count() < samples) {
    }
    return series;
  }
  grpc::Status ListSeries(const v1::ListSeriesRequest& request, v1::ListSeriesResponse* response) {
    grpc::ClientContext context;
    return stub_->ListSeries(&context, request, response);
  }

  FakeTelemetryService ingress_;
  const SystemClock clock_;
  config::v1::AnalyticsConfig config_;
  std::unique_ptr<prometheus::Registry> metrics_;
  std::unique_ptr<rpc::StreamGate> streams_;
  std::unique_ptr<rpc::Service> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::AnalyticsService::Stub> stub_;
};

TEST_F(AnalyticsTest, ASampleBecomesAnInsight) {
  Start();
  AddSamples("pump", "t", 50);
  ingress_.Add("pump", "t", 8.5);
  const auto insights = ReadFromEarliest(stub_.get(), 1);
  ASSERT_EQ(insights.size(), 1);
  EXPECT_EQ(insights[0].offset(), 0);
  EXPECT_EQ(insights[0].telemetry_journal_id(), "telemetry-1");
  EXPECT_EQ(insights[0].telemetry_offset(), 50);
  EXPECT_EQ(insights[0].device_id(), "pump");
  EXPECT_NEAR(insights[0].anomaly().z_score(), 15.8, 0.1);

  const v1::Series series = SeriesWith("pump", "t", 51);
  EXPECT_EQ(series.anomaly_count(), 1);
  EXPECT_EQ(series.last_value(), 8.5);
  EXPECT_EQ(series.window().size_samples(), 51);
  EXPECT_EQ(series.window().max(), 8.5);
  EXPECT_EQ(series.last_sample_time().seconds(), 1'700'000'050);
}

TEST_F(AnalyticsTest, ASubscriptionGoesOnWhereItAcknowledged) {
  Start();
  AddSamples("a", "t", 50);
  AddSamples("b", "t", 50);
  for (int i = 1; i <= 3; ++i) {
    ingress_.Add("a", "t", 1e3 * i * i);
    ingress_.Add("b", "t", 1e3 * i * i);
  }
  v1::SubscribeInsightsRequest request;
  request.set_subscription("cloud");
  request.set_max_batch_size(2);
  v1::SubscribeInsightsResponse last;
  EXPECT_GE(ReadInsights(stub_.get(), request, 2, &last).size(), 2);

  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_subscription("cloud");
  acknowledge.set_journal_id(last.journal_id());
  acknowledge.set_epoch(last.epoch());
  acknowledge.set_offset(2);
  v1::AcknowledgeResponse acknowledged;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->AcknowledgeInsights(&context, acknowledge, &acknowledged).ok());
  EXPECT_EQ(acknowledged.cursor(), 2);

  Stop();
  Start();
  const auto rest = ReadInsights(stub_.get(), request, 4);
  ASSERT_EQ(rest.size(), 4);
  EXPECT_EQ(rest[0].offset(), 2);

  v1::SubscribeInsightsRequest filtered;
  filtered.mutable_start()->mutable_earliest();
  filtered.add_device_ids("b");
  for (const v1::Insight& insight : ReadInsights(stub_.get(), filtered, 3)) {
    EXPECT_EQ(insight.device_id(), "b");
  }

  v1::ListSubscriptionsResponse list;
  grpc::ClientContext list_context;
  ASSERT_TRUE(stub_->ListSubscriptions(&list_context, {}, &list).ok());
  ASSERT_EQ(list.subscriptions_size(), 1);
  EXPECT_EQ(list.subscriptions(0).cursor(), 2);
}

TEST_F(AnalyticsTest, AGracefulEndLeavesNothingToReplay) {
  Start();
  AddSamples("pump", "t", 250);
  SeriesWith("pump", "t", 250);
  Stop();
  EXPECT_EQ(ingress_.cursor(), 250);
  Start();
  EXPECT_EQ(SeriesWith("pump", "t", 250).sample_count(), 250);
  AddSamples("pump", "t", 1);
  EXPECT_EQ(SeriesWith("pump", "t", 251).sample_count(), 251);
}

TEST_F(AnalyticsTest, AcknowledgesTelemetryAsItGoes) {
  Start();
  AddSamples("pump", "t", 120);
  ingress_.WaitForCursor(120);
}

TEST_F(AnalyticsTest, AnotherWindowSizeKeepsTheNewestSamples) {
  Start();
  AddSamples("pump", "t", 250);
  SeriesWith("pump", "t", 250);
  Stop();
  for (const int size : {10, 500, 2}) {
    config_.mutable_detector()->set_window_size_samples(size);
    config_.mutable_detector()->set_warm_up_samples(2);
    Start();
    const v1::Series series = SeriesWith("pump", "t", 250);
    EXPECT_EQ(series.window().capacity_samples(), size);
    EXPECT_EQ(series.window().size_samples(), std::min(size, 100));
    EXPECT_EQ(series.window().mean(), 0.5);
    Stop();
  }
}

TEST_F(AnalyticsTest, SetsADamagedCheckpointAside) {
  Start();
  AddSamples("pump", "t", 100);
  SeriesWith("pump", "t", 100);
  Stop();
  std::ofstream(config_.data_dir() + "/checkpoint", std::ios::app) << "damage";
  Start();
  EXPECT_EQ(access((config_.data_dir() + "/checkpoint.damaged").c_str(), F_OK), 0);
  AddSamples("pump", "t", 5);
  EXPECT_EQ(SeriesWith("pump", "t", 5).sample_count(), 5);
}

TEST_F(AnalyticsTest, RefusesANewerCheckpoint) {
  std::ofstream(config_.data_dir() + "/checkpoint") << "SLUICEAC" << std::string("\x63\0\0\0", 4);
  prometheus::Registry metrics;
  rpc::StreamGate streams(1);
  EXPECT_EQ(Analytics::Create(config_, {&clock_, &metrics, &streams}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(AnalyticsTest, ListsSeriesInPages) {
  Start();
  for (const char* device : {"b", "a", "c"}) {
    for (const char* metric : {"x", "a b", "t"}) ingress_.Add(device, metric, 1);
  }
  SeriesWith("c", "t", 1);
  v1::ListSeriesRequest request;
  request.set_page_size(2);
  std::string all;
  int pages = 0;
  do {
    v1::ListSeriesResponse response;
    ASSERT_TRUE(ListSeries(request, &response).ok());
    EXPECT_LE(response.series_size(), 2);
    for (const auto& one : response.series()) {
      absl::StrAppend(&all, one.device_id(), "/", one.metric(), " ");
    }
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 5);
  EXPECT_EQ(all, "a/a b a/t a/x b/a b b/t b/x c/a b c/t c/x ");

  request.set_device_id("b");
  request.set_page_size(3);
  v1::ListSeriesResponse response;
  ASSERT_TRUE(ListSeries(request, &response).ok());
  EXPECT_EQ(response.series_size(), 3);
  EXPECT_EQ(response.next_page_token(), "");
}

TEST_F(AnalyticsTest, SaysWhatIsWrongWithARequest) {
  Start();
  ingress_.Add("a", "t", 1);
  SeriesWith("a", "t", 1);
  v1::Series series;
  EXPECT_EQ(GetSeries("a", "x", &series).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(GetSeries("a", "", &series).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetSeries("a/b", "t", &series).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetSeries("", "t", &series).error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  const auto list_code = [&](const std::function<void(v1::ListSeriesRequest*)>& fill) {
    v1::ListSeriesRequest request;
    fill(&request);
    v1::ListSeriesResponse response;
    return ListSeries(request, &response).error_code();
  };
  EXPECT_EQ(list_code([](auto* r) { r->set_page_size(1001); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list_code([](auto* r) { r->set_page_size(-1); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list_code([](auto* r) { r->set_page_token("x"); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(list_code([](auto* r) { r->set_device_id("#"); }), grpc::StatusCode::INVALID_ARGUMENT);

  const auto stream_code = [&](const std::function<void(v1::SubscribeInsightsRequest*)>& fill) {
    v1::SubscribeInsightsRequest request;
    fill(&request);
    grpc::ClientContext context;
    const auto reader = stub_->SubscribeInsights(&context, request);
    v1::SubscribeInsightsResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish().error_code();
  };
  EXPECT_EQ(stream_code([](auto* r) { r->set_max_batch_size(10'001); }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(stream_code([](auto* r) { r->add_device_ids("no id"); }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(stream_code([](auto* r) {
              for (int i = 0; i < 1001; ++i) r->add_device_ids("d");
            }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(stream_code([](auto* r) { r->mutable_start()->set_offset(99); }),
            grpc::StatusCode::OUT_OF_RANGE);
}

TEST_F(AnalyticsTest, ShowsItsNumbers) {
  Start();
  AddSamples("pump", "t", 50);
  ingress_.Add("pump", "t", 8.5);
  const auto value = [&](const std::string& name) {
    for (const auto& family : metrics_->Collect()) {
      if (family.name != name || family.metric.empty()) continue;
      return family.metric[0].counter.value + family.metric[0].gauge.value;
    }
    return -1.0;
  };
  // They follow within a second.
  while (value("sluice_anomalies_total") < 1 || value("sluice_journal_bytes") <= 0) {
  }
  EXPECT_EQ(value("sluice_anomalies_total"), 1);
  EXPECT_EQ(value("sluice_analytics_samples_total"), 51);
  EXPECT_EQ(value("sluice_analytics_series"), 1);
  EXPECT_EQ(value("sluice_analytics_telemetry_connected"), 1);
}

}  // namespace
}  // namespace sluice::analytics
