#ifndef SLUICE_SERVICES_INGRESS_MQTT_MQTT_SOURCE_H_
#define SLUICE_SERVICES_INGRESS_MQTT_MQTT_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/mqtt/publish.h"

namespace sluice::ingress {

// Turns what the broker delivers into messages for the intake, and tells a device whose message was
// refused why, on `devices/{id}/errors`:
//   {"error": "…", "reason": "MALFORMED", "topic": "devices/…", "time_ms": 1700000000000}
// `reason` is the DeadLetterReason without its prefix, or the status code where the message went
// nowhere.
//
// Telemetry with a Response Topic of the sender's own (IsReplyTopic) is answered there: with
// {"offset": 7}, its place in the telemetry journal, or with the error above.
//
// Thread-safe. To be wired: MqttSession::Create, an MqttSource with it as publisher,
// MqttSession::Start(Subscriptions(), Take); it must outlive MqttSession::Stop.
class MqttSource {
 public:
  struct Options {
    // Error notices on their way to the broker; one more is dropped. At most 100,000.
    int max_notices = 100;
    // If set, told how long a message with QoS 1 or 2 took to be written down, whereupon the broker
    // gets its acknowledgement. Called on the thread that calls Take.
    std::function<void(absl::Duration)> on_acknowledged = nullptr;
    // Given each answer, to be published once what the receipt names is durable. Called on the
    // thread that calls Take; must not wait. Not set: answers cannot be sent here.
    std::function<void(const Receipt&, Publication)> answer = nullptr;
  };

  // Messages that reached no log, and notices.
  struct Stats {
    // Retained telemetry: old by nature, it would count as new at every connect.
    int64_t retained_telemetry = 0;
    // On a topic that none of the subscriptions asks for.
    int64_t unknown_topic = 0;
    // QoS 0, and the intake could not write.
    int64_t overload = 0;
    // What the broker says it has dropped, over all of its starts that we saw.
    int64_t broker_drops = 0;
    int64_t notices = 0;
    int64_t notices_dropped = 0;
    // Answers that were asked for and not made: on a topic that is not for answers, or with
    // properties too large; of what was found in its log after a crash, so that its offset is not
    // known; without Options::answer.
    int64_t answers_refused = 0;
    int64_t answers_unknown_offset = 0;
    int64_t answers_unsupported = 0;
  };

  // All of them outlive it.
  MqttSource(const Options& options, Intake* intake, Publisher* publisher, const Clock* clock);

  // What a session subscribes to that all messages come by, and one beside the broker's plugin,
  // which takes in the rest: the TakenByPlugin().
  static std::vector<Subscription> Subscriptions();
  static std::vector<Subscription> SubscriptionsBesidePlugin();
  static std::vector<std::string> TakenByPlugin();

  // A topic of a device that says nothing to us makes a dead letter if the plugin took it, since it
  // was told to; from a subscription it does not come.
  Taken Take(const InboundPublish& publish);

  Stats stats() const;

 private:
  void CountBrokerDrops(absl::string_view total);
  void SendNotice(const InboundMessage& message, const Verdict& verdict);
  void Answer(const InboundPublish& publish, const InboundMessage& message, const Verdict& verdict);

  const Options options_;
  Intake* const intake_;
  Publisher* const publisher_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  Stats stats_ ABSL_GUARDED_BY(mutex_);
  // As the broker said last.
  int64_t broker_drops_ ABSL_GUARDED_BY(mutex_) = 0;
  // Shared with the completions, which may come when this is gone.
  std::shared_ptr<std::atomic<int>> open_notices_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_MQTT_SOURCE_H_
