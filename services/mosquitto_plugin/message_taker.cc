#include "services/mosquitto_plugin/message_taker.h"

#include <string.h>

#include "libs/mqtt_record/append_record.h"

namespace sluice::mosquitto_plugin {
namespace {

using mqtt_record::Reason;
using mqtt_record::Record;
using ring::RingError;

// A message waits so long at most, and all of them for this share of the broker's time: 0.2 s a
// second.
constexpr int64_t kLongestWaitUs = 2'000;
constexpr uint64_t kWaitUsPerSecond = 200'000;
constexpr uint64_t kWaitBurstUs = 20'000;
constexpr int64_t kPauseUs = 250;
// A pause that a machine asleep made longer than this is none to pay for.
constexpr int64_t kLongestDebtUs = 1'000'000;
constexpr uint64_t kSightingsPerSecond = 50;
// A replaced ring that nobody reads any more is given up after this.
constexpr uint64_t kAbandonAfterMs = 10'000;
constexpr uint64_t kReopenIntervalMs = 1'000;

}  // namespace

RingError MessageTaker::Open(const PluginOptions& options, const Environment& environment) {
  options_ = options;
  environment_ = environment;
  wait_us_ = Budget(kWaitUsPerSecond, kWaitBurstUs);
  wait_left_us_ = 0;
  syncs_ = Budget(options.synced_max_per_s, options.synced_max_per_s);
  sightings_ = Budget(kSightingsPerSecond, kSightingsPerSecond);
  reader_seen_ms_ = environment.uptime_us() / 1000;
  replaced_since_ms_ = 0;
  return producer_.Open(RingOptions());
}

ring::ProducerOptions MessageTaker::RingOptions() const {
  ring::ProducerOptions options;
  options.path = options_.ring_path;
  options.capacity_bytes = options_.ring_bytes;
  options.mode = options_.ring_mode;
  options.boot = environment_.boot;
  return options;
}

TopicClass MessageTaker::ClassOf(const Record& record) const {
  const TopicClass kind =
      Classify(static_cast<const char*>(record.topic.data), options_.topics, environment_.match);
  const size_t own_bytes = strlen(options_.own_client_id);
  const bool own = record.client_id.size == own_bytes &&
                   memcmp(record.client_id.data, options_.own_client_id, own_bytes) == 0;
  if (!own) return kind;
  // Sluice publishes nothing that is taken in: whoever does so under its id, people should see. Its
  // receipts go where their senders wish.
  if (kind == TopicClass::kTaken) return TopicClass::kUnknown;
  return kind == TopicClass::kUnknown ? TopicClass::kKnown : kind;
}

Decision MessageTaker::Take(TopicClass kind, Record record) {
  const auto* const topic = static_cast<const char*>(record.topic.data);
  switch (kind) {
    case TopicClass::kForeign:
    case TopicClass::kKnown:
      return {};
    case TopicClass::kUnknown:
      Sight(&record);
      return {};
    case TopicClass::kTaken:
      break;
  }
  Reason reason = mqtt_record::kRingFull;
  const bool waited = producer_.AboveHighMark();
  // Nobody waits for an answer to it: the rest of the ring is for those that are promised
  // something.
  if (waited && record.qos == 0) return Refuse(record, reason, waited);
  if (waited) Wait();
  const bool synced = record.qos > 0 && options_.synced_topics.count > 0 &&
                      MatchesAny(topic, options_.synced_topics, environment_.match);
  if (Refuses(record, &reason)) return Refuse(record, reason, waited);
  if (synced && syncs_.Take(1, record.uptime_us) == 0) {
    return Refuse(record, mqtt_record::kSync, waited);
  }
  if (!Append(&record, &reason)) return Refuse(record, reason, waited);
  // It stands in the ring already, so it may come twice if the disk fails now.
  if (synced && !Sync(&reason)) return Refuse(record, reason, waited);
  producer_.AddToCounter(mqtt_record::kTakenCounter + record.qos, 1);
  return {Answer::kGoOn, true, reason};
}

void MessageTaker::Sight(Record* record) {
  producer_.AddToCounter(mqtt_record::kUnknownTopicCounter, 1);
  if (producer_.AboveHighMark() || sightings_.Take(1, record->uptime_us) == 0) return;
  record->kind = mqtt_record::Kind::kUnknownTopic;
  record->payload = mqtt_record::Bytes();
  Reason reason;
  Append(record, &reason);
}

bool MessageTaker::Refuses(const Record& record, Reason* reason) {
  if (!producer_.is_open()) return false;  // Append sees to it
  const uint64_t now_ms = record.uptime_us / 1000;
  const ring::LeaseTable& leases = producer_.leases();
  const uint64_t grace_ms = options_.no_reader_grace_s * 1000;
  if (leases.ReaderAlive(now_ms)) {
    reader_seen_ms_ = now_ms;
  } else if (now_ms - reader_seen_ms_ > grace_ms && !leases.ReaderAlive(now_ms - grace_ms)) {
    *reason = mqtt_record::kNoReader;
    return true;
  }
  ring::Lease lease;
  if (leases.Find("", 0, now_ms, &lease) && lease.code == mqtt_record::kRefuseForStorage) {
    *reason = mqtt_record::kStorage;
    return true;
  }
  const DeviceId id = DeviceIdOf(static_cast<const char*>(record.topic.data));
  if (id.size > 0 && leases.Find(id.text, id.size, now_ms, &lease) &&
      lease.code == mqtt_record::kRefuseForRate) {
    *reason = mqtt_record::kRate;
    return true;
  }
  return false;
}

bool MessageTaker::Append(Record* record, Reason* reason) {
  const uint64_t now_ms = record->uptime_us / 1000;
  record->broker_start_id = environment_.broker_start_id;
  RingError error = mqtt_record::AppendRecord(*record, now_ms, &producer_);
  if (error == RingError::kReplaced || error == RingError::kNotOpen) {
    TryReopen(now_ms);
    if (replaced_since_ms_ == 0) error = mqtt_record::AppendRecord(*record, now_ms, &producer_);
  }
  if (error == RingError::kNone) {
    replaced_since_ms_ = 0;  // or the file was put back
    return true;
  }
  *reason = error == RingError::kFull ? mqtt_record::kRingFull : mqtt_record::kRingReplaced;
  return false;
}

bool MessageTaker::Sync(Reason* reason) {
  producer_.AddToCounter(mqtt_record::kSyncsCounter, 1);
  *reason = mqtt_record::kSync;
  return producer_.Sync() == RingError::kNone;
}

void MessageTaker::Wait() {
  const uint64_t began_us = environment_.uptime_us();
  const auto missing_us = static_cast<uint64_t>(kLongestWaitUs - wait_left_us_);
  wait_left_us_ += static_cast<int64_t>(wait_us_.Take(missing_us, began_us));
  if (wait_left_us_ < kPauseUs) return;
  int64_t waited_us = 0;
  do {
    environment_.pause(kPauseUs);
    waited_us = static_cast<int64_t>(environment_.uptime_us() - began_us);
  } while (waited_us + kPauseUs <= wait_left_us_ && producer_.AboveHighMark());
  producer_.AddToCounter(mqtt_record::kWaitsCounter, 1);
  producer_.AddToCounter(mqtt_record::kWaitedUsCounter, static_cast<uint64_t>(waited_us));
  wait_left_us_ -= waited_us < kLongestDebtUs ? waited_us : kLongestDebtUs;
}

void MessageTaker::TryReopen(uint64_t now_ms) {
  if (replaced_since_ms_ == 0) replaced_since_ms_ = next_reopen_ms_ = now_ms;
  // Whoever reads the old file still does; what is not read when we close it, nobody will find.
  const uint64_t unread_bytes = producer_.UsedBytes();
  if (unread_bytes > 0 && now_ms - replaced_since_ms_ < kAbandonAfterMs) return;
  if (now_ms < next_reopen_ms_) return;
  // Also if there will be no new one: the old one is closed then.
  abandoned_bytes_ += unread_bytes;
  const RingError error = producer_.Open(RingOptions());
  // From now on: it may have taken longer than that.
  next_reopen_ms_ = environment_.uptime_us() / 1000 + kReopenIntervalMs;
  if (error != RingError::kNone) return;
  replaced_since_ms_ = 0;
  reader_seen_ms_ = now_ms;
  // Each ring's counters begin at 0, and their readers add them up.
  producer_.AddToCounter(mqtt_record::kAbandonedBytesCounter,
                         abandoned_bytes_ - counted_abandoned_bytes_);
  counted_abandoned_bytes_ = abandoned_bytes_;
}

Decision MessageTaker::Refuse(const Record& record, Reason reason, bool waited) {
  const bool lost = record.qos == 0;
  producer_.AddToCounter(
      (lost ? mqtt_record::kDroppedCounter : mqtt_record::kRefusedCounter) + reason, 1);
  // A refused device comes back at once: what that costs is bounded by waiting, too.
  if (!lost && !waited) Wait();
  return {lost ? Answer::kDrop : Answer::kClose, false, reason};
}

void MessageTaker::CountTime(uint64_t ns) {
  producer_.AddToCounter(mqtt_record::kTimeSumCounter, ns);
  int bucket = 0;
  while (bucket < mqtt_record::kTimeBuckets - 1 && ns > mqtt_record::kTimeBoundsUs[bucket] * 1000) {
    ++bucket;
  }
  producer_.AddToCounter(mqtt_record::kTimeCounter + bucket, 1);
}

}  // namespace sluice::mosquitto_plugin
