#include "tools/fleetsim/subscriber.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/fleetsim/signal.h"

namespace sluice::fleetsim {
namespace {

constexpr int64_t kFirstTag = 100;

double TaggedValue(int64_t number) {
  std::string text;
  AppendTagged(21'000, kFirstTag + number, &text);
  return std::stod(text);
}

// A service whose stream plays scripts: the n-th stream writes the n-th script, then ends with
// UNAVAILABLE; after the last one it stays open until it is cancelled.
template <typename Service, typename Request, typename Response>
class ScriptedService : public Service {
 public:
  grpc::Status CreateSubscription(grpc::ServerContext*,
                                  const v1::CreateSubscriptionRequest* request,
                                  v1::Subscription*) override {
    absl::MutexLock lock(&mutex);
    created.push_back(*request);
    return create_status;
  }
  grpc::Status DeleteSubscription(grpc::ServerContext*,
                                  const v1::DeleteSubscriptionRequest* request,
                                  google::protobuf::Empty*) override {
    absl::MutexLock lock(&mutex);
    deleted.push_back(request->name());
    return grpc::Status::OK;
  }

  absl::Mutex mutex;
  grpc::Status create_status;
  std::vector<std::vector<Response>> scripts;
  std::vector<v1::CreateSubscriptionRequest> created;
  std::vector<Request> opened;
  std::vector<v1::AcknowledgeRequest> acknowledged;
  std::vector<std::string> deleted;

 protected:
  grpc::Status Play(grpc::ServerContext* context, const Request& request,
                    grpc::ServerWriter<Response>* writer) {
    std::vector<Response> script;
    bool last;
    {
      absl::MutexLock lock(&mutex);
      if (opened.size() < scripts.size()) script = scripts[opened.size()];
      opened.push_back(request);
      last = opened.size() >= scripts.size();
    }
    for (const Response& response : script) writer->Write(response);
    absl::MutexLock lock(&mutex);
    while (last && !context->IsCancelled()) {
      mutex.AwaitWithTimeout(absl::Condition(
                                 +[](bool* never) { return *never; }, &never_),
                             absl::Milliseconds(20));
    }
    return {grpc::StatusCode::UNAVAILABLE, "the script is over"};
  }
  grpc::Status Note(const v1::AcknowledgeRequest& request) {
    absl::MutexLock lock(&mutex);
    acknowledged.push_back(request);
    return grpc::Status::OK;
  }

 private:
  bool never_ = false;
};

class ScriptedTelemetry final
    : public ScriptedService<v1::TelemetryService::Service, v1::SubscribeTelemetryRequest,
                             v1::SubscribeTelemetryResponse> {
 public:
  grpc::Status SubscribeTelemetry(
      grpc::ServerContext* context, const v1::SubscribeTelemetryRequest* request,
      grpc::ServerWriter<v1::SubscribeTelemetryResponse>* writer) override {
    return Play(context, *request, writer);
  }
  grpc::Status AcknowledgeTelemetry(grpc::ServerContext*, const v1::AcknowledgeRequest* request,
                                    v1::AcknowledgeResponse*) override {
    return Note(*request);
  }
};

class ScriptedAnalytics final
    : public ScriptedService<v1::AnalyticsService::Service, v1::SubscribeInsightsRequest,
                             v1::SubscribeInsightsResponse> {
 public:
  grpc::Status SubscribeInsights(
      grpc::ServerContext* context, const v1::SubscribeInsightsRequest* request,
      grpc::ServerWriter<v1::SubscribeInsightsResponse>* writer) override {
    return Play(context, *request, writer);
  }
  grpc::Status AcknowledgeInsights(grpc::ServerContext*, const v1::AcknowledgeRequest* request,
                                   v1::AcknowledgeResponse*) override {
    return Note(*request);
  }
};

v1::SubscribeTelemetryResponse Batch(const std::string& journal, int64_t from, int64_t to) {
  v1::SubscribeTelemetryResponse batch;
  batch.set_journal_id(journal);
  batch.set_epoch(3);
  batch.set_next_offset(to);
  for (int64_t offset = from; offset < to; ++offset) {
    v1::Telemetry* telemetry = batch.add_telemetry();
    telemetry->set_offset(offset);
    telemetry->set_device_id("d");
    telemetry->add_readings()->set_string_value("no number");
    telemetry->add_readings()->set_double_value(TaggedValue(offset));
  }
  return batch;
}

class SubscriberTest : public ::testing::Test {
 protected:
  SubscriberTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&telemetry_);
    builder.RegisterService(&analytics_);
    server_ = builder.BuildAndStart();
    device_ = tally_.AddDevice("d", Protocol::kMqtt);
    for (int i = 0; i < 10; ++i) tally_.Sent(device_, 0, i == 3);
  }

  SubscriberOptions Options() const {
    SubscriberOptions options;
    options.address = absl::StrCat("127.0.0.1:", port_);
    options.subscription = "test";
    return options;
  }

  // Waits until it holds; false if it does not within 20 s.
  static bool Await(absl::Mutex* mutex, const std::function<bool()>& condition) {
    absl::MutexLock lock(mutex);
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    bool never = false;
    while (!condition()) {
      if (absl::Now() > deadline) return false;
      mutex->AwaitWithTimeout(absl::Condition(
                                  +[](bool* n) { return *n; }, &never),
                              absl::Milliseconds(5));
    }
    return true;
  }
  ProtocolTotals Totals() const { return tally_.Snapshot().protocols[0]; }

  SystemClock system_clock_;
  FleetClock clock_{&system_clock_};
  Tally tally_{kFirstTag};
  int device_ = 0;
  ScriptedTelemetry telemetry_;
  ScriptedAnalytics analytics_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(SubscriberTest, MakesItsSubscriptionCountsAndAcknowledges) {
  telemetry_.scripts = {{Batch("j", 0, 4), Batch("j", 4, 6)}};
  const auto subscriber = MakeTelemetrySubscriber(Options(), &tally_, &clock_);
  ASSERT_TRUE(subscriber->Start().ok());
  ASSERT_TRUE(Await(&telemetry_.mutex, [&] {
    return !telemetry_.acknowledged.empty() && telemetry_.acknowledged.back().offset() == 6;
  }));
  EXPECT_EQ(Totals().received, 6);
  EXPECT_EQ(tally_.Snapshot().foreign, 0);
  EXPECT_GT(subscriber->stats().last_arrival_us, 0);
  subscriber->Stop();
  ASSERT_EQ(telemetry_.created.size(), 1u);
  EXPECT_TRUE(telemetry_.created[0].start().has_latest());
  EXPECT_EQ(telemetry_.created[0].subscription().name(), "test");
  EXPECT_TRUE(telemetry_.opened[0].start().has_resume());
  EXPECT_EQ(telemetry_.acknowledged.back().journal_id(), "j");
  EXPECT_EQ(telemetry_.acknowledged.back().epoch(), 3);
  EXPECT_THAT(telemetry_.deleted, ::testing::ElementsAre("test"));
}

TEST_F(SubscriberTest, ComesBackAfterABreakAndCountsNothingTwice) {
  telemetry_.scripts = {{Batch("j", 0, 4)}, {Batch("j", 2, 6)}, {Batch("other", 0, 2)}};
  const auto subscriber = MakeTelemetrySubscriber(Options(), &tally_, &clock_);
  ASSERT_TRUE(subscriber->Start().ok());
  ASSERT_TRUE(Await(&telemetry_.mutex, [&] { return Totals().duplicates == 2; }));
  subscriber->Stop();
  EXPECT_EQ(Totals().received, 6);
  EXPECT_EQ(subscriber->stats().reconnects, 2);
  EXPECT_EQ(subscriber->stats().redelivered, 2);
  EXPECT_EQ(tally_.Snapshot().errors.at("telemetry subscriber: UNAVAILABLE"), 2);
}

TEST_F(SubscriberTest, TellsGapsAndForeignRecords) {
  v1::SubscribeTelemetryResponse batch = Batch("j", 5, 7);
  v1::Gap* gap = batch.add_gaps();
  gap->set_from_offset(2);
  gap->set_to_offset(5);
  batch.mutable_telemetry(0)->set_device_id("stranger");
  batch.mutable_telemetry(1)->clear_readings();
  telemetry_.scripts = {{batch}};
  const auto subscriber = MakeTelemetrySubscriber(Options(), &tally_, &clock_);
  ASSERT_TRUE(subscriber->Start().ok());
  ASSERT_TRUE(Await(&telemetry_.mutex, [&] { return subscriber->stats().gap_records == 3; }));
  EXPECT_EQ(tally_.Snapshot().foreign, 2);
  EXPECT_EQ(Totals().received, 0);
}

TEST_F(SubscriberTest, ASubscriptionThatIsToStayIsResumedAndNotDeleted) {
  telemetry_.create_status = {grpc::StatusCode::ALREADY_EXISTS, "there is one"};
  SubscriberOptions options = Options();
  options.temporary = false;
  const auto subscriber = MakeTelemetrySubscriber(options, &tally_, &clock_);
  ASSERT_TRUE(subscriber->Start().ok());
  ASSERT_TRUE(Await(&telemetry_.mutex, [&] { return telemetry_.opened.size() == 1; }));
  subscriber->Stop();
  EXPECT_THAT(telemetry_.deleted, ::testing::IsEmpty());
  EXPECT_FALSE(telemetry_.created[0].subscription().has_expire_after());
}

TEST_F(SubscriberTest, ARefusedSubscriptionSaysWhyAndWhere) {
  telemetry_.create_status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many"};
  const auto subscriber = MakeTelemetrySubscriber(Options(), &tally_, &clock_);
  const absl::Status status = subscriber->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("too many"));
  EXPECT_THAT(status.message(), ::testing::HasSubstr(Options().address));
}

TEST_F(SubscriberTest, InsightsTellFoundAnomaliesFromFalseAlarms) {
  v1::SubscribeInsightsResponse batch;
  batch.set_journal_id("i");
  for (int64_t number : {3, 5}) {
    v1::Insight* insight = batch.add_insights();
    insight->set_offset(number);
    insight->set_device_id("d");
    insight->mutable_anomaly()->set_value(TaggedValue(number));
  }
  analytics_.scripts = {{batch}};
  const auto subscriber = MakeInsightSubscriber(Options(), &tally_, &clock_);
  ASSERT_TRUE(subscriber->Start().ok());
  ASSERT_TRUE(
      Await(&analytics_.mutex, [&] { return tally_.progress().anomalies.false_alarms == 1; }));
  EXPECT_EQ(tally_.progress().anomalies.found, 1);
  subscriber->Stop();
  EXPECT_THAT(analytics_.deleted, ::testing::ElementsAre("test"));
}

}  // namespace
}  // namespace sluice::fleetsim
