#ifndef SLUICE_SERVICES_MOSQUITTO_PLUGIN_MESSAGE_TAKER_FIXTURE_H_
#define SLUICE_SERVICES_MOSQUITTO_PLUGIN_MESSAGE_TAKER_FIXTURE_H_

#include <gtest/gtest.h>
#include <mosquitto.h>
#include <stdio.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"
#include "services/mosquitto_plugin/message_taker.h"

namespace sluice::mosquitto_plugin {

using mqtt_record::Kind;
using mqtt_record::Reason;
using mqtt_record::Record;
using ring::RingError;

inline constexpr uint64_t kSecondUs = 1'000'000;
inline constexpr uint64_t kBrokerStartId = 77;
inline constexpr uint64_t kBoot = 1;

// What the taker sees of the world; a pause lets time pass.
inline uint64_t now_us;
inline uint64_t pauses;
inline uint64_t paused_us;
inline uint64_t pause_overrun_us;
// How much later it is than when the message came.
inline uint64_t late_us;
inline std::function<void()> on_pause;

inline uint64_t UptimeUs() { return now_us + late_us; }

inline void Pause(uint64_t us) {
  ++pauses;
  paused_us += us + pause_overrun_us;
  now_us += us + pause_overrun_us;
  if (on_pause) on_pause();
}

inline bool Matches(const char* filter, const char* topic) {
  bool matches = false;
  return mosquitto_topic_matches_sub(filter, topic, &matches) == MOSQ_ERR_SUCCESS && matches;
}

inline std::string Text(const mqtt_record::Bytes& bytes) {
  return std::string(static_cast<const char*>(bytes.data), bytes.size);
}

// What came out of the ring. Of `record` only the numbers and flags are good.
struct Message {
  Record record;
  std::string topic;
  std::string client_id;
  std::string payload;
};

class MessageTakerTest : public testing::Test {
 protected:
  MessageTakerTest() {
    now_us = 1'000 * kSecondUs;
    pauses = paused_us = pause_overrun_us = late_us = 0;
    on_pause = nullptr;
    snprintf(options_.ring_path, sizeof(options_.ring_path), "%s", ring_.path().c_str());
    options_.ring_bytes = 1 << 20;
  }

  RingError Open() {
    return taker_.Open(options_, {&Matches, &Pause, &UptimeUs, kBrokerStartId, kBoot});
  }
  // With a reader that lives longer than the test.
  void OpenBothEnds() {
    ASSERT_EQ(Open(), RingError::kNone);
    OpenReader();
    KeepAlive(24 * 3600);
  }
  void OpenReader() {
    ring::RingReaderOptions options;
    options.path = ring_.path();
    options.boot = kBoot;
    auto reader = ring::RingReader::Open(options, &clock_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    reader_ = *std::move(reader);
  }
  void KeepAlive(uint64_t seconds) {
    reader_->leases().KeepAliveUntil((now_us + seconds * kSecondUs) / 1000);
  }
  void SetLease(const std::string& name, uint8_t code, uint64_t seconds) {
    const uint64_t now_ms = now_us / 1000;
    ASSERT_TRUE(reader_->leases().Set(name.data(), name.size(), now_ms,
                                      {now_ms + seconds * 1000, code, 0}));
  }

  Decision Take(int qos = 1, const std::string& topic = "devices/a/telemetry",
                const std::string& payload = "payload", const std::string& client_id = "client") {
    Record record;
    record.qos = static_cast<uint8_t>(qos);
    record.protocol_version = 5;
    record.payload_size = static_cast<uint32_t>(payload.size());
    record.received_us = 55;
    record.uptime_us = now_us;
    record.topic = {topic.c_str(), topic.size()};
    record.client_id = {client_id.data(), client_id.size()};
    record.payload = {payload.data(), payload.size()};
    return taker_.Take(taker_.ClassOf(record), record);
  }
  bool Takes(int qos = 1, const std::string& topic = "devices/a/telemetry") {
    const Decision decision = Take(qos, topic);
    EXPECT_TRUE(!decision.taken || decision.answer == Answer::kGoOn);
    return decision.taken;
  }
  // Expects that a message is refused as its QoS wants it.
  void ExpectRefused(Reason reason, int qos = 1, const std::string& topic = "devices/a/telemetry") {
    const Decision decision = Take(qos, topic);
    EXPECT_FALSE(decision.taken);
    EXPECT_EQ(decision.answer, qos == 0 ? Answer::kDrop : Answer::kClose);
    EXPECT_EQ(decision.reason, reason);
  }
  void ExpectPassedOn(const Decision& decision) {
    EXPECT_EQ(decision.answer, Answer::kGoOn);
    EXPECT_FALSE(decision.taken);
  }
  void FillUpTo(uint64_t bytes) {
    while (taker_.producer().UsedBytes() < bytes && Take(1, "devices/a/telemetry", kLarge).taken) {
    }
  }

  // Everything that is in the ring.
  std::vector<Message> Drain() {
    std::vector<Message> all;
    ring::RingBatch batch;
    for (reader_->Read(100, &batch); !batch.records.empty(); reader_->Read(100, &batch)) {
      for (const ring::RingRecord& read : batch.records) {
        Message message;
        Record* const record = &message.record;
        EXPECT_TRUE(mqtt_record::Decode(read.content.data(), read.content.size(), record));
        message.topic = Text(record->topic);
        message.client_id = Text(record->client_id);
        message.payload = Text(record->payload);
        all.push_back(message);
        EXPECT_TRUE(reader_->Advance(read.ring_id, read.end).ok());
      }
    }
    return all;
  }
  // Likewise, and then what is in the ring that took its place.
  std::vector<Message> DrainOn() {
    std::vector<Message> all;
    for (int i = 0; i < 5; ++i) {
      for (Message& message : Drain()) all.push_back(std::move(message));
      clock_.Advance(absl::Seconds(1));
    }
    return all;
  }
  uint64_t Counter(int number) {
    return taker_.producer().Memory().producer->counters[number].load();
  }

  const std::string kLarge = std::string(60'000, 'x');

  ring::TempRing ring_;
  FakeClock clock_;
  PluginOptions options_;
  MessageTaker taker_;
  std::unique_ptr<ring::RingReader> reader_;
};

}  // namespace sluice::mosquitto_plugin

#endif  // SLUICE_SERVICES_MOSQUITTO_PLUGIN_MESSAGE_TAKER_FIXTURE_H_
