#include "tools/fleetsim/subscriber.h"

#include <grpcpp/grpcpp.h>

#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/grpc_status.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/fleetsim/backoff.h"
#include "tools/fleetsim/offset_filter.h"
#include "tools/fleetsim/signal.h"

namespace sluice::fleetsim {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(10);
constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr absl::Duration kAcknowledgeInterval = absl::Milliseconds(200);
constexpr int kExpireAfterS = 600;

void SetDeadline(grpc::ClientContext* context, absl::Duration timeout) {
  context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

// What differs between the two services: the messages, and where their records go.
struct TelemetryApi {
  using Service = v1::TelemetryService;
  using Request = v1::SubscribeTelemetryRequest;
  using Response = v1::SubscribeTelemetryResponse;
  static constexpr char kName[] = "telemetry";

  static auto Subscribe(Service::Stub* stub, grpc::ClientContext* context, const Request& request) {
    return stub->SubscribeTelemetry(context, request);
  }
  static grpc::Status Acknowledge(Service::Stub* stub, grpc::ClientContext* context,
                                  const v1::AcknowledgeRequest& request) {
    v1::AcknowledgeResponse response;
    return stub->AcknowledgeTelemetry(context, request, &response);
  }
  static const auto& Records(const Response& response) { return response.telemetry(); }
  static absl::optional<int64_t> Tag(const v1::Telemetry& telemetry) {
    for (const v1::Reading& reading : telemetry.readings()) {
      if (!reading.has_double_value()) continue;
      const absl::optional<int64_t> tag = TagOf(reading.double_value());
      if (tag.has_value()) return tag;
    }
    return absl::nullopt;
  }
  static void Hand(absl::Span<const Tally::Arrival> arrivals, int64_t now_us, Tally* tally) {
    tally->Received(arrivals, now_us);
  }
  static void HandAgain(absl::Span<const Tally::Arrival> arrivals, int64_t now_us, Tally* tally) {
    tally->ReceivedAgain(arrivals, now_us);
  }
};

struct InsightApi {
  using Service = v1::AnalyticsService;
  using Request = v1::SubscribeInsightsRequest;
  using Response = v1::SubscribeInsightsResponse;
  static constexpr char kName[] = "insight";

  static auto Subscribe(Service::Stub* stub, grpc::ClientContext* context, const Request& request) {
    return stub->SubscribeInsights(context, request);
  }
  static grpc::Status Acknowledge(Service::Stub* stub, grpc::ClientContext* context,
                                  const v1::AcknowledgeRequest& request) {
    v1::AcknowledgeResponse response;
    return stub->AcknowledgeInsights(context, request, &response);
  }
  static const auto& Records(const Response& response) { return response.insights(); }
  static absl::optional<int64_t> Tag(const v1::Insight& insight) {
    if (!insight.has_anomaly()) return absl::nullopt;
    return TagOf(insight.anomaly().value());
  }
  static void Hand(absl::Span<const Tally::Arrival> arrivals, int64_t, Tally* tally) {
    tally->Reported(arrivals);
  }
  static void HandAgain(absl::Span<const Tally::Arrival> arrivals, int64_t, Tally* tally) {
    tally->Reported(arrivals);
  }
};

template <typename Api>
class GrpcSubscriber final : public Subscriber {
 public:
  GrpcSubscriber(const SubscriberOptions& options, Tally* tally, const FleetClock* clock)
      : options_(options),
        tally_(tally),
        clock_(clock),
        stub_(Api::Service::NewStub(rpc::MakeChannel(options.address))),
        backoff_(static_cast<uint64_t>(clock->epoch_us())) {}

  ~GrpcSubscriber() override { Stop(); }

  absl::Status Start() override {
    if (absl::Status status = Create(); !status.ok()) return status;
    streamer_ = std::thread([this] { Stream(); });
    acknowledger_ = std::thread([this] { Acknowledge(); });
    return absl::OkStatus();
  }

  void Stop() override {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    if (!streamer_.joinable()) return;
    streamer_.join();
    acknowledger_.join();
    if (options_.temporary) Delete();
  }

  SubscriberStats stats() const override {
    absl::MutexLock lock(&mutex_);
    return stats_;
  }

 private:
  struct Position {
    std::string journal_id;
    int64_t epoch = 0;
    int64_t offset = 0;
  };

  absl::Status Create() {
    grpc::ClientContext context;
    SetDeadline(&context, kStartTimeout);
    context.set_wait_for_ready(true);
    v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_name(options_.subscription);
    if (options_.temporary) {
      request.mutable_subscription()->mutable_expire_after()->set_seconds(kExpireAfterS);
    }
    request.mutable_start()->mutable_latest();
    v1::Subscription subscription;
    const grpc::Status status = stub_->CreateSubscription(&context, request, &subscription);
    if (status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS) {
      return absl::OkStatus();
    }
    const absl::Status error = rpc::FromGrpc(status);
    return absl::Status(error.code(), absl::StrCat(Api::kName, " subscription at ",
                                                   options_.address, ": ", error.message()));
  }

  void Delete() {
    grpc::ClientContext context;
    SetDeadline(&context, kCallTimeout);
    v1::DeleteSubscriptionRequest request;
    request.set_name(options_.subscription);
    google::protobuf::Empty response;
    if (!stub_->DeleteSubscription(&context, request, &response).ok()) CountError("delete");
  }

  // Streams until Stop.
  void Stream() {
    for (bool first = true;; first = false) {
      grpc::ClientContext context;
      {
        absl::MutexLock lock(&mutex_);
        if (stopping_) return;
        context_ = &context;
        if (!first) ++stats_.reconnects;
      }
      typename Api::Request request;
      request.set_subscription(options_.subscription);
      request.mutable_start()->mutable_resume();
      const auto reader = Api::Subscribe(stub_.get(), &context, request);
      typename Api::Response response;
      while (reader->Read(&response)) {
        backoff_.Reset();
        Take(response);
      }
      const grpc::Status status = reader->Finish();
      absl::MutexLock lock(&mutex_);
      context_ = nullptr;
      if (stopping_) return;
      CountError(absl::StatusCodeToString(rpc::FromGrpc(status).code()));
      const absl::Duration wait = absl::Microseconds(backoff_.NextUs());
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), wait);
    }
  }

  void Take(const typename Api::Response& response) {
    const int64_t now_us = clock_->NowUs();
    arrivals_.clear();
    again_.clear();
    for (const auto& record : Api::Records(response)) {
      const bool is_new = seen_.IsNew(response.journal_id(), record.offset());
      // Without a tag it is of no device of ours.
      (is_new ? arrivals_ : again_).push_back({record.device_id(), Api::Tag(record).value_or(-1)});
    }
    if (!arrivals_.empty()) Api::Hand(arrivals_, now_us, tally_);
    if (!again_.empty()) Api::HandAgain(again_, now_us, tally_);

    absl::MutexLock lock(&mutex_);
    if (!arrivals_.empty()) stats_.last_arrival_us = now_us;
    stats_.redelivered += static_cast<int64_t>(again_.size());
    for (const v1::Gap& gap : response.gaps()) {
      stats_.gap_records += gap.to_offset() - gap.from_offset();
    }
    position_ = Position{response.journal_id(), response.epoch(), response.next_offset()};
    unacknowledged_ = true;
  }

  // Acknowledges what was taken, at intervals, until Stop; then the rest.
  void Acknowledge() {
    for (bool last = false; !last;) {
      Position position;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kAcknowledgeInterval);
        last = stopping_;
        if (!unacknowledged_) continue;
        unacknowledged_ = false;
        position = position_;
      }
      grpc::ClientContext context;
      SetDeadline(&context, kCallTimeout);
      v1::AcknowledgeRequest request;
      request.set_subscription(options_.subscription);
      request.set_journal_id(position.journal_id);
      request.set_epoch(position.epoch);
      request.set_offset(position.offset);
      if (!Api::Acknowledge(stub_.get(), &context, request).ok()) CountError("acknowledge");
    }
  }

  void CountError(absl::string_view what) {
    tally_->CountError(absl::StrCat(Api::kName, " subscriber: ", what));
  }

  const SubscriberOptions options_;
  Tally* const tally_;
  const FleetClock* const clock_;
  const std::unique_ptr<typename Api::Service::Stub> stub_;
  // Of the streaming thread.
  Backoff backoff_;
  OffsetFilter seen_;
  std::vector<Tally::Arrival> arrivals_;
  std::vector<Tally::Arrival> again_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Position position_ ABSL_GUARDED_BY(mutex_);
  bool unacknowledged_ ABSL_GUARDED_BY(mutex_) = false;
  SubscriberStats stats_ ABSL_GUARDED_BY(mutex_);

  std::thread streamer_;
  std::thread acknowledger_;
};

}  // namespace

std::unique_ptr<Subscriber> MakeTelemetrySubscriber(const SubscriberOptions& options, Tally* tally,
                                                    const FleetClock* clock) {
  return std::make_unique<GrpcSubscriber<TelemetryApi>>(options, tally, clock);
}

std::unique_ptr<Subscriber> MakeInsightSubscriber(const SubscriberOptions& options, Tally* tally,
                                                  const FleetClock* clock) {
  return std::make_unique<GrpcSubscriber<InsightApi>>(options, tally, clock);
}

}  // namespace sluice::fleetsim
