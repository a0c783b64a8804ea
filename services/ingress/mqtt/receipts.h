#ifndef SLUICE_SERVICES_INGRESS_MQTT_RECEIPTS_H_
#define SLUICE_SERVICES_INGRESS_MQTT_RECEIPTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/mqtt/publish.h"

namespace sluice::ingress {

// Answers to senders that asked for one: each waits until what became of its message is fsynced,
// and is published then, in the order of Add. While the publisher has no connection they wait.
//
// Nothing ever waits for this: an answer too many is dropped and counted, and its sender, which
// hears nothing, sends again. Thread-safe; a thread of its own publishes.
class Receipts {
 public:
  struct Options {
    // Answers that wait, and the bytes of their topics, payloads and correlation data: one more is
    // dropped.
    size_t max_waiting = 10'000;
    int64_t max_waiting_bytes = 4 << 20;
    // Answers that the publisher may have at a time, 1 or more: commands wait behind these alone.
    int max_at_publisher = 100;
  };

  struct Stats {
    int64_t waiting = 0;
    // The broker has it.
    int64_t sent = 0;
    // Too many waited already.
    int64_t dropped_full = 0;
    // The publisher refused it for good or lost it, or it came, or waited still, at the end.
    int64_t dropped_unsent = 0;
  };

  // Both outlive it. It outlives the publisher's completions.
  Receipts(const Options& options, Intake* intake, Publisher* publisher);
  ~Receipts();  // stops
  Receipts(const Receipts&) = delete;
  Receipts& operator=(const Receipts&) = delete;

  // Publishes `answer` once what the receipt names is durable.
  void Add(const Receipt& receipt, Publication answer);

  // Hands to the publisher what becomes durable within a second, and drops the rest. Idempotent.
  void Stop();

  Stats stats() const;

 private:
  struct Waiting {
    Receipt receipt;
    Publication answer;
    int64_t bytes;
  };

  void Run();
  // Whether there may be another one to send.
  bool SendFirst();
  void RemoveFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDurable();
  void OnPublished(const absl::Status& status);

  const Options options_;
  Intake* const intake_;
  Publisher* const publisher_;

  mutable absl::Mutex mutex_;
  // Taken out by our thread alone.
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int at_publisher_ ABSL_GUARDED_BY(mutex_) = 0;
  // The first one may have become ready to be sent.
  bool look_ ABSL_GUARDED_BY(mutex_) = false;
  // The publisher took nothing when it was asked last.
  bool away_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Stats stats_ ABSL_GUARDED_BY(mutex_);
  int64_t listener_ = 0;
  std::thread thread_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_RECEIPTS_H_
