#ifndef SLUICE_SERVICES_INGRESS_RING_RING_SOURCE_H_
#define SLUICE_SERVICES_INGRESS_RING_RING_SOURCE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/mqtt_record/mqtt_record.h"
#include "libs/mqtt_record/ring_agreement.h"
#include "libs/ring/ring_reader.h"
#include "services/ingress/intake/device_rates.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/intake/ring_marks.h"
#include "services/ingress/mqtt/publish.h"
#include "services/ingress/ring/unknown_topics.h"

namespace sluice::ingress {

// Drains the ring that the broker's plugin fills. Hands each message on, and gives its space in the
// ring back only once what became of it is fsynced: until then it comes again after a crash.
//
// A thread of its own does everything. It waits for ever for a ring that is not there yet. While
// the intake cannot write it holds on to the message, tells the plugin to refuse new ones, and the
// ring keeps the rest.
class RingSource {
 public:
  struct Options {
    // The ring, as the plugin's option `ring` says.
    std::string path;
    // Read what is left in the ring and in those beside it; do not look after the plugin: one that
    // is loaded all the same refuses everything once its `no_reader_grace_s` is over.
    bool drain_only = false;
    // What a device may send, in messages a second; 0: no limit.
    double max_device_messages_per_s = 0;
    // Stands for the machine's boot in tests; 0: asks the kernel.
    uint64_t boot = 0;
  };

  // What it works with; all of it outlives this.
  struct Parts {
    std::function<Taken(const InboundPublish&)> take;
    Intake* intake;
    // Told of topics that nobody takes.
    UnknownTopics* unknown_topics;
    const Clock* clock;
  };

  struct Stats {
    int64_t ring_bytes = 0;
    // Places where the ring lost what stood there.
    int64_t gaps = 0;
    // Times that the intake could not write.
    int64_t held_back = 0;
    // Times that a device was told to pause, and that there was no room to tell the plugin.
    int64_t pauses = 0;
    int64_t untold_pauses = 0;
    // What the plugin counts (libs/mqtt_record/ring_agreement.h), over all rings.
    std::array<int64_t, mqtt_record::kCountersUsed> counters = {};
  };

  // `marks`: how far the journals had the rings before the start.
  RingSource(const Options& options, const Parts& parts, RingMarks marks);
  // Stops.
  ~RingSource();

  // Takes nothing more out; what was taken out and is not durable comes again at the next start.
  // Idempotent.
  void Stop();

  Stats stats() const;

 private:
  // A record that was handed on and may not be durable yet.
  struct Pending {
    uint64_t ring_id;
    uint64_t end;
    Receipt receipt;
  };

  void Run();
  bool Stopping() const;
  // Sleeps, or until Stop.
  void Pause(absl::Duration time);
  // Waits for the ring; false: stopped.
  bool Open();
  void Drain();
  // Lets messages gather, behind a batch of so many.
  void Gather(size_t last_batch);
  // Looks up what is the same for all records of a ring.
  void Enter(uint64_t ring_id);
  // False: stopped before it could be handed on.
  bool HandOn(const ring::RingRecord& record);
  bool TakeOnceWritable(const InboundPublish& publish);
  void LimitRate(const InboundPublish& publish);
  // Tells the plugin to refuse everybody's messages for this reason.
  void SetLeaseForAll(uint8_t code);
  // Gives the space of what is durable back.
  void Settle();
  void KeepAlive();
  void UpdateStats();
  int64_t NowMs() const;

  const Options options_;
  const Parts parts_;

  // The thread's own.
  RingMarks marks_;
  std::unique_ptr<ring::RingReader> reader_;
  // The ring that records come from now; whether it is of this boot; how far the journals had it.
  uint64_t ring_id_ = 0;
  bool of_this_boot_ = false;
  uint64_t read_before_end_ = 0;
  std::deque<Pending> pending_;
  Receipt taken_;
  uint8_t code_for_all_ = mqtt_record::kRefuseNothing;
  DeviceRates rates_;
  absl::Duration gather_time_;
  absl::Duration next_keep_alive_ = absl::ZeroDuration();
  uint64_t counters_ring_id_ = 0;
  std::array<uint64_t, mqtt_record::kCountersUsed> counters_seen_ = {};
  Stats stats_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The one to wake, while it is open.
  ring::RingReader* waiting_reader_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Stats shown_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_RING_RING_SOURCE_H_
