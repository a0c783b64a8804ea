#ifndef SLUICE_TOOLS_FLEETSIM_SUBSCRIBER_H_
#define SLUICE_TOOLS_FLEETSIM_SUBSCRIBER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tools/fleetsim/fleet_clock.h"
#include "tools/fleetsim/tally.h"

namespace sluice::fleetsim {

struct SubscriberOptions {
  // HOST:PORT of the gRPC server.
  std::string address;
  // Name of the subscription. One that exists is resumed.
  std::string subscription;
  // Delete the subscription at the end.
  bool temporary = true;
};

struct SubscriberStats {
  // Streams opened after the first one.
  int64_t reconnects = 0;
  // Records shown again because a stream was opened anew.
  int64_t redelivered = 0;
  // Records of which the server said that they are gone.
  int64_t gap_records = 0;
  // When a record came last, in the run's microseconds.
  int64_t last_arrival_us = 0;
};

// A cloud's side: a named subscription whose records go to the tally and are acknowledged. Streams
// that end are opened again, with back-off, for as long as it runs. Has threads of its own; Start
// and Stop are for one thread, stats for any.
class Subscriber {
 public:
  virtual ~Subscriber() = default;

  // Makes the subscription: records written from now on will be shown. Waits up to 10 s for the
  // server.
  virtual absl::Status Start() = 0;
  // Acknowledges the rest, ends the stream, deletes the subscription if it is temporary.
  virtual void Stop() = 0;
  virtual SubscriberStats stats() const = 0;
};

// `tally` and `clock` outlive them.
std::unique_ptr<Subscriber> MakeTelemetrySubscriber(const SubscriberOptions& options, Tally* tally,
                                                    const FleetClock* clock);
std::unique_ptr<Subscriber> MakeInsightSubscriber(const SubscriberOptions& options, Tally* tally,
                                                  const FleetClock* clock);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_SUBSCRIBER_H_
