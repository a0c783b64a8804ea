#ifndef SLUICE_SERVICES_ANALYTICS_FEED_TELEMETRY_FEED_H_
#define SLUICE_SERVICES_ANALYTICS_FEED_TELEMETRY_FEED_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/analytics/analysis/analysis.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace sluice::analytics {

// Brings telemetry from ingress: a stream of the named subscription `analytics`, from its cursor
// on, handed to an Analysis batch by batch on a thread of the feed's own. When the stream breaks it
// opens another one, for ever: at first after 100 ms, then twice as long each time, 5 s at most.
// The subscription's cursor moves by Acknowledge alone.
class TelemetryFeed {
 public:
  struct Stats {
    bool connected = false;  // a stream is open and has said where it begins
    int64_t streams = 0;     // that were opened and did so
  };

  // Nothing happens before Start. `analysis` must outlive it.
  TelemetryFeed(const std::shared_ptr<grpc::Channel>& channel, Analysis* analysis);
  // Stops.
  ~TelemetryFeed();

  void Start();

  // Cancels the stream and joins the thread; a batch that was begun is taken in to its end unless
  // the analysis was stopped before. One thread, once or more.
  void Stop();

  // Acknowledges everything below the position. Blocks for at most `timeout`. Thread-safe.
  absl::Status Acknowledge(const TelemetryPosition& position, absl::Duration timeout);

  Stats stats() const;

 private:
  void Run();
  bool ReadStream(grpc::ClientContext* context, absl::Status* end);

  const std::unique_ptr<v1::TelemetryService::Stub> stub_;
  Analysis* const analysis_;
  std::thread thread_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The stream that is open. Owned by Run.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_FEED_TELEMETRY_FEED_H_
