#ifndef SLUICE_SERVICES_MOSQUITTO_PLUGIN_MESSAGE_TAKER_H_
#define SLUICE_SERVICES_MOSQUITTO_PLUGIN_MESSAGE_TAKER_H_

#include <cstdint>

#include "libs/mqtt_record/mqtt_record.h"
#include "libs/mqtt_record/ring_agreement.h"
#include "libs/ring/ring_producer.h"
#include "services/mosquitto_plugin/budget.h"
#include "services/mosquitto_plugin/plugin_options.h"
#include "services/mosquitto_plugin/topic_class.h"

namespace sluice::mosquitto_plugin {

// What the broker is to do with a PUBLISH.
enum class Answer {
  // Go on as without the plugin: it is not ours, or it is in the ring (`taken`). The
  // acknowledgement that follows is the promise.
  kGoOn,
  // Close the sender's connection without an acknowledgement: it will send again. `reason` is set.
  kClose,
  // QoS 0 and not taken: go on, it is lost and counted. `reason` is set.
  kDrop,
};

struct Decision {
  Answer answer = Answer::kGoOn;
  // kGoOn: it stands in the ring.
  bool taken = false;
  mqtt_record::Reason reason = mqtt_record::kRingFull;
};

// Decides about each PUBLISH of the broker, and puts what is Sluice's into the ring. Knows nothing
// of Mosquitto. One thread; no C++ runtime library, no exception, no allocation. Quick, but for two
// things: an fdatasync for a message on a synced topic, and making a ring anew after its file was
// deleted, which writes all of it.
//
// What can never succeed (malformed, too large, an illegal id) is taken like the rest and becomes a
// dead letter behind the ring: refused, it would be sent for ever. Refused is only what passes.
class MessageTaker {
 public:
  struct Environment {
    MatchFunction match = nullptr;
    // Sleeps so many µs.
    void (*pause)(uint64_t us) = nullptr;
    // µs of CLOCK_BOOTTIME.
    uint64_t (*uptime_us)() = nullptr;
    // Another number after each start of the broker.
    uint64_t broker_start_id = 0;
    // Stands for the machine's boot in tests; 0: asks the kernel.
    uint64_t boot = 0;
  };

  // Opens the ring. On an error see errno, too.
  ring::RingError Open(const PluginOptions& options, const Environment& environment);

  // What a PUBLISH is to the plugin, by its topic, which ends with a NUL, and its client id: what
  // comes under the gateway's own id is never taken.
  TopicClass ClassOf(const mqtt_record::Record& record) const;

  // `kind`: the ClassOf(record). Of the rest, uptime_us is looked at before it is written.
  Decision Take(TopicClass kind, mqtt_record::Record record);

  // Adds how long a whole callback took.
  void CountTime(uint64_t ns);

  const PluginOptions& options() const { return options_; }
  // For what else lies in the ring, in tests.
  ring::RingProducer& producer() { return producer_; }
  // Bytes that nobody had read when the ring's file was replaced; since the start.
  uint64_t abandoned_bytes() const { return abandoned_bytes_; }

 private:
  // Shows people a topic that nobody takes, if there is room and it is not too often.
  void Sight(mqtt_record::Record* record);
  // Whether something speaks against taking the message now; sets `reason`.
  bool Refuses(const mqtt_record::Record& record, mqtt_record::Reason* reason);
  bool Append(mqtt_record::Record* record, mqtt_record::Reason* reason);
  bool Sync(mqtt_record::Reason* reason);
  // Slows the senders down by making them wait, as long as the budget lets it.
  void Wait();
  // After the file was deleted or replaced: makes a new one, once the old one is read.
  void TryReopen(uint64_t now_ms);
  Decision Refuse(const mqtt_record::Record& record, mqtt_record::Reason reason, bool waited);
  ring::ProducerOptions RingOptions() const;

  PluginOptions options_;
  Environment environment_;
  ring::RingProducer producer_;
  Budget wait_us_;
  // Taken out of it and not waited yet; below 0: a pause took longer than asked for.
  int64_t wait_left_us_ = 0;
  Budget syncs_;
  Budget sightings_;
  uint64_t reader_seen_ms_ = 0;
  // Since when the ring's file is another one; 0: it is not.
  uint64_t replaced_since_ms_ = 0;
  uint64_t next_reopen_ms_ = 0;
  uint64_t abandoned_bytes_ = 0;
  // Those of them that a ring's counter tells.
  uint64_t counted_abandoned_bytes_ = 0;
};

}  // namespace sluice::mosquitto_plugin

#endif  // SLUICE_SERVICES_MOSQUITTO_PLUGIN_MESSAGE_TAKER_H_
