#ifndef SLUICE_SERVICES_ANALYTICS_FEED_FAKE_TELEMETRY_SERVICE_H_
#define SLUICE_SERVICES_ANALYTICS_FEED_FAKE_TELEMETRY_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace sluice::analytics {

// Ingress as a test needs it: telemetry in memory, one subscription with its cursor, on a gRPC
// server of its own. Thread-safe.
class FakeTelemetryService final : public v1::TelemetryService::Service {
 public:
  FakeTelemetryService() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeTelemetryService() override { Shutdown(); }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  // Returns the record.
  v1::Telemetry Add(const std::string& device_id, const std::string& metric, double value) {
    absl::MutexLock lock(&mutex_);
    v1::Telemetry& telemetry = records_.emplace_back();
    telemetry.set_offset(static_cast<int64_t>(records_.size()) - 1);
    telemetry.set_device_id(device_id);
    telemetry.mutable_received_time()->set_seconds(1'700'000'000 + telemetry.offset());
    v1::Reading* reading = telemetry.add_readings();
    reading->set_metric(metric);
    reading->set_double_value(value);
    return telemetry;
  }
  // The journal is wiped: another id, no record, the cursor at 0.
  void Wipe(const std::string& journal_id) {
    absl::MutexLock lock(&mutex_);
    journal_id_ = journal_id;
    records_.clear();
    cursor_ = 0;
    ++epoch_;
  }
  // Ends the streams that are open, with `code`.
  void BreakStreams(grpc::StatusCode code) {
    absl::MutexLock lock(&mutex_);
    break_code_ = code;
    ++epoch_;
  }
  void Shutdown() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    server_->Shutdown();
  }
  int64_t cursor() const {
    absl::MutexLock lock(&mutex_);
    return cursor_;
  }
  int streams() const {
    absl::MutexLock lock(&mutex_);
    return streams_;
  }
  void WaitForCursor(int64_t cursor) const {
    absl::MutexLock lock(&mutex_);
    const auto reached = [&] {
      mutex_.AssertReaderHeld();
      return cursor_ >= cursor;
    };
    mutex_.Await(absl::Condition(&reached));
  }

  grpc::Status SubscribeTelemetry(
      grpc::ServerContext* context, const v1::SubscribeTelemetryRequest* request,
      grpc::ServerWriter<v1::SubscribeTelemetryResponse>* writer) override {
    if (request->subscription() != "analytics" || !request->start().has_resume()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "not the subscription that was expected"};
    }
    v1::SubscribeTelemetryResponse batch;
    {
      absl::MutexLock lock(&mutex_);
      ++streams_;
      batch.set_epoch(++epoch_);
      batch.set_journal_id(journal_id_);
      batch.set_next_offset(cursor_);
    }
    while (writer->Write(batch) && !context->IsCancelled()) {
      absl::MutexLock lock(&mutex_);
      const auto changed = [&] {
        mutex_.AssertReaderHeld();
        return stopping_ || epoch_ != batch.epoch() ||
               static_cast<int64_t>(records_.size()) > batch.next_offset();
      };
      mutex_.AwaitWithTimeout(absl::Condition(&changed), absl::Milliseconds(100));
      if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "shutting down"};
      if (epoch_ != batch.epoch()) return {break_code_, "broken"};
      batch.clear_telemetry();
      const int64_t end = std::min<int64_t>(records_.size(), batch.next_offset() + 100);
      for (int64_t i = batch.next_offset(); i < end; ++i) *batch.add_telemetry() = records_[i];
      batch.set_next_offset(end);
    }
    return grpc::Status::CANCELLED;
  }

  grpc::Status AcknowledgeTelemetry(grpc::ServerContext*, const v1::AcknowledgeRequest* request,
                                    v1::AcknowledgeResponse* response) override {
    absl::MutexLock lock(&mutex_);
    if (request->journal_id() != journal_id_) {
      return {grpc::StatusCode::OUT_OF_RANGE, "another journal"};
    }
    cursor_ = std::max(cursor_, request->offset());
    response->set_cursor(cursor_);
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  mutable absl::Mutex mutex_;
  std::string journal_id_ ABSL_GUARDED_BY(mutex_) = "telemetry-1";
  std::vector<v1::Telemetry> records_ ABSL_GUARDED_BY(mutex_);
  int64_t cursor_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::StatusCode break_code_ ABSL_GUARDED_BY(mutex_) = grpc::StatusCode::UNAVAILABLE;
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_FEED_FAKE_TELEMETRY_SERVICE_H_
