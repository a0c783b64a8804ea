#include "services/mosquitto_plugin/message_taker.h"

#include <gtest/gtest.h>
#include <mosquitto.h>
#include <stdio.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"

namespace sluice::mosquitto_plugin {
namespace {

using mqtt_record::Kind;
using mqtt_record::Reason;
using mqtt_record::Record;
using ring::RingError;

constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kBrokerStartId = 77;
constexpr uint64_t kBoot = 1;

// What the taker sees of the world; a pause lets time pass.
uint64_t now_us;
uint64_t pauses;
uint64_t paused_us;
uint64_t pause_overrun_us;
// How much later it is than when the message came.
uint64_t late_us;
std::function<void()> on_pause;

uint64_t UptimeUs() { return now_us + late_us; }

void Pause(uint64_t us) {
  ++pauses;
  paused_us += us + pause_overrun_us;
  now_us += us + pause_overrun_us;
  if (on_pause) on_pause();
}

bool Matches(const char* filter, const char* topic) {
  bool matches = false;
  return mosquitto_topic_matches_sub(filter, topic, &matches) == MOSQ_ERR_SUCCESS && matches;
}

std::string Text(const mqtt_record::Bytes& bytes) {
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
    return taker_.Take(record);
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

TEST_F(MessageTakerTest, TakesEachQos) {
  OpenBothEnds();
  for (int qos = 0; qos <= 2; ++qos) {
    for (int i = 0; i <= qos; ++i) EXPECT_TRUE(Takes(qos));
  }
  const std::vector<Message> messages = Drain();
  ASSERT_EQ(messages.size(), 6u);
  EXPECT_EQ(messages[0].record.qos, 0);
  EXPECT_EQ(messages[1].record.qos, 1);
  const Message& last = messages[5];
  EXPECT_EQ(last.record.kind, Kind::kPublish);
  EXPECT_EQ(last.record.qos, 2);
  EXPECT_EQ(last.record.protocol_version, 5);
  EXPECT_EQ(last.record.payload_size, 7u);
  EXPECT_EQ(last.record.received_us, 55);
  EXPECT_EQ(last.record.uptime_us, now_us);
  EXPECT_EQ(last.record.broker_start_id, kBrokerStartId);
  EXPECT_EQ(last.topic, "devices/a/telemetry");
  EXPECT_EQ(last.client_id, "client");
  EXPECT_EQ(last.payload, "payload");
  for (int qos = 0; qos <= 2; ++qos) {
    EXPECT_EQ(Counter(mqtt_record::kTakenCounter + qos), qos + 1u);
  }
  EXPECT_EQ(pauses, 0u);
}

TEST_F(MessageTakerTest, ShowsWhatComesUnderTheGatewaysIdAndTakesNothingOfIt) {
  OpenBothEnds();
  ExpectPassedOn(Take(1, "devices/a/telemetry", "payload", "sluice-ingress-1"));
  ExpectPassedOn(Take(1, "devices/a/nobodys", "payload", "sluice-ingress-1"));
  ExpectPassedOn(Take(1, "devices/a/commands", "payload", "sluice-ingress-1"));
  for (const Message& message : Drain()) {
    EXPECT_EQ(message.record.kind, mqtt_record::Kind::kUnknownTopic);
  }
  EXPECT_EQ(Counter(mqtt_record::kUnknownTopicCounter), 2u);
  for (const char* const other : {"sluice-ingress-11", "sluice-ingress-", "sluice-ingress-2", ""}) {
    EXPECT_TRUE(Take(1, "devices/a/telemetry", "payload", other).taken) << other;
  }
}

TEST_F(MessageTakerTest, LeavesForeignAndKnownTopicsAlone) {
  OpenBothEnds();
  for (const char* const topic : {"other/topic", "$SYS/broker/uptime", "devices/a/status"}) {
    ExpectPassedOn(Take(1, topic));
  }
  EXPECT_EQ(taker_.producer().head(), 0u);
  for (int counter = 0; counter < mqtt_record::kCountersUsed; ++counter) {
    EXPECT_EQ(Counter(counter), 0u) << counter;
  }
}

TEST_F(MessageTakerTest, ShowsUnknownTopicsWithoutPayload) {
  OpenBothEnds();
  ExpectPassedOn(Take(1, "devices/a/telemetri"));
  const std::vector<Message> messages = Drain();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].record.kind, Kind::kUnknownTopic);
  EXPECT_EQ(messages[0].topic, "devices/a/telemetri");
  EXPECT_EQ(messages[0].client_id, "client");
  EXPECT_EQ(messages[0].payload, "");
  EXPECT_EQ(messages[0].record.payload_size, 7u);
  EXPECT_EQ(Counter(mqtt_record::kUnknownTopicCounter), 1u);
  EXPECT_EQ(Counter(mqtt_record::kTakenCounter + 1), 0u);
}

TEST_F(MessageTakerTest, ShowsNoMoreThanFiftyUnknownTopicsASecond) {
  OpenBothEnds();
  for (int i = 0; i < 200; ++i) ExpectPassedOn(Take(1, "devices/a/telemetri"));
  EXPECT_EQ(Drain().size(), 50u);
  size_t shown = 0;
  for (int i = 0; i < 10'000; ++i) {
    now_us += 1'000;
    ExpectPassedOn(Take(1, "devices/a/telemetri"));
    shown += Drain().size();
  }
  EXPECT_EQ(shown, 500u);
  EXPECT_EQ(Counter(mqtt_record::kUnknownTopicCounter), 10'200u);
}

TEST_F(MessageTakerTest, ShowsNoUnknownTopicsAboveTheHighMark) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes / 4 * 3);
  const uint64_t used_bytes = taker_.producer().UsedBytes();
  ExpectPassedOn(Take(1, "devices/a/telemetri"));
  EXPECT_EQ(taker_.producer().UsedBytes(), used_bytes);
  EXPECT_EQ(Counter(mqtt_record::kUnknownTopicCounter), 1u);
  EXPECT_EQ(pauses, 0u);
}

TEST_F(MessageTakerTest, TakesWhatIsTooLargeAndCutsIt) {
  OpenBothEnds();
  const std::string payload(mqtt_record::kMaxPayloadBytes + 1, 'p');
  const std::string topic = absl::StrCat("devices/", std::string(60'000, 'x'), "/telemetry");
  EXPECT_TRUE(Take(1, "devices/a/telemetry", payload).taken);
  EXPECT_TRUE(Take(1, topic).taken);
  EXPECT_TRUE(Take(1, topic, payload, std::string(60'000, 'c')).taken);
  const std::vector<Message> messages = Drain();
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_TRUE(messages[0].record.payload_cut);
  EXPECT_FALSE(messages[0].record.topic_cut);
  EXPECT_EQ(messages[0].payload, payload.substr(0, mqtt_record::kMaxPayloadBytes));
  EXPECT_EQ(messages[0].record.payload_size, payload.size());
  EXPECT_FALSE(messages[1].record.payload_cut);
  EXPECT_TRUE(messages[1].record.topic_cut);
  EXPECT_EQ(messages[1].topic, topic.substr(0, mqtt_record::kMaxTopicBytes));
  EXPECT_TRUE(messages[2].record.payload_cut && messages[2].record.topic_cut);
  EXPECT_TRUE(messages[2].record.text_cut);
  EXPECT_EQ(Counter(mqtt_record::kCutCounter), 3u);
  EXPECT_EQ(Counter(mqtt_record::kTakenCounter + 1), 3u);
  ExpectPassedOn(Take(1, absl::StrCat("devices/", std::string(60'000, 'x'))));
  EXPECT_EQ(Drain().size(), 1u);
  EXPECT_EQ(Counter(mqtt_record::kCutCounter), 3u) << "not taken";
}

TEST_F(MessageTakerTest, RefusesWhileTheRingIsFull) {
  OpenBothEnds();
  size_t taken = 0;
  while (Take(1, "devices/a/telemetry", absl::StrCat(taken, kLarge)).taken) ++taken;
  while (Takes()) ++taken;
  ExpectRefused(mqtt_record::kRingFull, 0);
  ExpectRefused(mqtt_record::kRingFull, 2);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kRingFull), 3u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRingFull), 1u);
  EXPECT_EQ(Counter(mqtt_record::kTakenCounter + 1), taken);

  const std::vector<Message> messages = Drain();
  ASSERT_EQ(messages.size(), taken);
  EXPECT_EQ(messages[7].payload, absl::StrCat(7, kLarge));
  for (int qos = 0; qos <= 2; ++qos) EXPECT_TRUE(Takes(qos));
  EXPECT_EQ(Drain().size(), 3u);
}

TEST_F(MessageTakerTest, WaitsOnlyAboveTheHighMark) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes / 4 * 3);
  EXPECT_EQ(pauses, 0u);
  EXPECT_TRUE(Takes(1));
  EXPECT_GT(pauses, 0u);
  EXPECT_LE(paused_us, 2'000u);
  EXPECT_EQ(Counter(mqtt_record::kWaitsCounter), 1u);
  EXPECT_EQ(Counter(mqtt_record::kWaitedUsCounter), paused_us);
  Drain();
  pauses = 0;
  EXPECT_TRUE(Takes());
  EXPECT_EQ(pauses, 0u);
}

TEST_F(MessageTakerTest, ShedsQos0AboveTheHighMarkAndWaitsNotForIt) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes / 4 * 3);
  const Decision decision = Take(0, "devices/a/telemetry");
  EXPECT_EQ(decision.answer, Answer::kDrop);
  EXPECT_EQ(decision.reason, mqtt_record::kRingFull);
  EXPECT_EQ(pauses, 0u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRingFull), 1u);
  EXPECT_TRUE(Takes(1)) << "there is room for what is promised";
  Drain();
  EXPECT_TRUE(Takes(0));
}

TEST_F(MessageTakerTest, StopsWaitingWhenTheReaderDrains) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  now_us += kSecondUs;
  pauses = 0;
  on_pause = [&] { Drain(); };
  EXPECT_TRUE(Takes());
  EXPECT_EQ(pauses, 1u);
}

TEST_F(MessageTakerTest, AMessageWaitsNoLongerThanTwoMilliseconds) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  while (Takes()) {
  }
  for (const int qos : {1, 2}) {
    now_us += kSecondUs;
    paused_us = 0;
    ExpectRefused(mqtt_record::kRingFull, qos);
    EXPECT_EQ(paused_us, 2'000u) << qos;
  }
}

TEST_F(MessageTakerTest, ARefusalBelowTheHighMarkCostsItsSenderOnePause) {
  OpenBothEnds();
  SetLease("", mqtt_record::kRefuseForStorage, 3600);
  ExpectRefused(mqtt_record::kStorage, 0);
  EXPECT_EQ(pauses, 0u);
  ExpectRefused(mqtt_record::kStorage, 1);
  EXPECT_EQ(pauses, 1u);
}

// However fast the messages come and however late the pauses end: a fifth of the time, and no less
// while there are enough of them.
TEST_F(MessageTakerTest, WaitsForAFifthOfTheTime) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  while (Takes()) {
  }
  for (const int qos : {1, 2}) {
    for (const uint64_t interval_us : {50, 700, 5'000}) {
      for (const uint64_t overrun_us : {0, 60, 10'000}) {
        SCOPED_TRACE(absl::StrCat(qos, " ", interval_us, " ", overrun_us));
        now_us += 3600 * kSecondUs;
        KeepAlive(3600);
        pause_overrun_us = overrun_us;
        paused_us = 0;
        const uint64_t began_us = now_us;
        while (now_us < began_us + 10 * kSecondUs) {
          now_us += interval_us;
          ExpectRefused(mqtt_record::kRingFull, qos);
        }
        // The budget begins with 20 ms, the message with 2, and the last pause is paid for later.
        EXPECT_LE(paused_us, (now_us - began_us) / 5 + 22'000 + 2 * overrun_us);
        EXPECT_GE(paused_us, (now_us - began_us) / 5 - 20'000);
      }
    }
  }
}

TEST_F(MessageTakerTest, AMachineThatSleptDoesNotEndTheWaiting) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  on_pause = [] { now_us += 3600 * kSecondUs; };
  Take(1);
  on_pause = nullptr;
  const uint64_t woke_us = now_us;
  pauses = 0;
  while (pauses == 0 && now_us < woke_us + 60 * kSecondUs) {
    now_us += 1'000;
    Take(1);
  }
  EXPECT_LT(now_us, woke_us + 6 * kSecondUs);
}

TEST_F(MessageTakerTest, StorageLeaseRefusesAllDevices) {
  OpenBothEnds();
  SetLease("", mqtt_record::kRefuseForStorage, 5);
  for (int qos = 0; qos <= 2; ++qos) ExpectRefused(mqtt_record::kStorage, qos);
  ExpectRefused(mqtt_record::kStorage, 1, "devices/b/telemetry");
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kStorage), 3u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kStorage), 1u);
  EXPECT_TRUE(Drain().empty());
  now_us += 5 * kSecondUs;
  EXPECT_TRUE(Takes());
}

TEST_F(MessageTakerTest, RateLeaseRefusesItsDeviceAlone) {
  OpenBothEnds();
  SetLease("a", mqtt_record::kRefuseForRate, 5);
  ExpectRefused(mqtt_record::kRate, 1);
  ExpectRefused(mqtt_record::kRate, 0, "devices/a/commands/c/response");
  for (const char* const topic :
       {"devices/b/telemetry", "devices/aa/telemetry", "devices//telemetry"}) {
    EXPECT_TRUE(Takes(1, topic)) << topic;
  }
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kRate), 1u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRate), 1u);
  now_us += 5 * kSecondUs;
  EXPECT_TRUE(Takes());
}

TEST_F(MessageTakerTest, LeasesEndWithTheReader) {
  OpenBothEnds();
  KeepAlive(2);
  SetLease("", mqtt_record::kRefuseForStorage, 3600);
  SetLease("a", mqtt_record::kRefuseForRate, 3600);
  now_us += 2 * kSecondUs - 1'000;
  ExpectRefused(mqtt_record::kStorage);
  now_us += 1'000;
  EXPECT_TRUE(Takes());
}

TEST_F(MessageTakerTest, TakesDuringTheGraceWithoutAReader) {
  options_.no_reader_grace_s = 10;
  ASSERT_EQ(Open(), RingError::kNone);
  OpenReader();
  EXPECT_TRUE(Takes());
  now_us += 10 * kSecondUs;
  EXPECT_TRUE(Takes());
  now_us += 1'000;
  ExpectRefused(mqtt_record::kNoReader, 1);
  ExpectRefused(mqtt_record::kNoReader, 0);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kNoReader), 1u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kNoReader), 1u);

  KeepAlive(2);
  EXPECT_TRUE(Takes());
  now_us += 11 * kSecondUs;
  EXPECT_TRUE(Takes()) << "alive until 9 s ago";
  now_us += 2 * kSecondUs;
  ExpectRefused(mqtt_record::kNoReader);
}

TEST_F(MessageTakerTest, TheGraceBeginsWhenTheReaderGoesAndNotWithTheLastMessage) {
  OpenBothEnds();
  KeepAlive(3600);
  EXPECT_TRUE(Takes());
  now_us += 3630 * kSecondUs;
  EXPECT_TRUE(Takes());
  now_us += 31 * kSecondUs;
  ExpectRefused(mqtt_record::kNoReader);
}

TEST_F(MessageTakerTest, MakesADeletedRingAgainOnceItIsDrained) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  now_us += kSecondUs - 1'000;
  EXPECT_TRUE(Takes()) << "not noticed yet, and read all the same";
  now_us += 1'000;
  ExpectRefused(mqtt_record::kRingReplaced, 1);
  ExpectRefused(mqtt_record::kRingReplaced, 0);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kRingReplaced), 1u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRingReplaced), 1u);
  EXPECT_FALSE(ring_.Exists());

  EXPECT_EQ(Drain().size(), 2u);
  EXPECT_TRUE(Takes(2));
  EXPECT_TRUE(ring_.Exists());
  EXPECT_EQ(Counter(mqtt_record::kReopenedCounter), 1u);
  EXPECT_EQ(taker_.abandoned_bytes(), 0u);
  const std::vector<Message> messages = DrainOn();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].record.qos, 2);
}

TEST_F(MessageTakerTest, GivesADeletedRingUpThatNobodyDrains) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  const uint64_t unread_bytes = taker_.producer().UsedBytes();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  for (int second = 0; second < 10; ++second) {
    now_us += kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced);
    EXPECT_EQ(taker_.abandoned_bytes(), 0u);
  }
  now_us += kSecondUs;
  EXPECT_TRUE(Takes());
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
  EXPECT_TRUE(Takes());
  EXPECT_EQ(taker_.producer().UsedBytes(), 2 * unread_bytes);
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
}

TEST_F(MessageTakerTest, ARingPutBackIsGoneOnWith) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  for (int i = 0; i < 2; ++i) {
    now_us += kSecondUs;
    ASSERT_EQ(rename(ring_.path().c_str(), ring_.Beside(".away").c_str()), 0);
    ExpectRefused(mqtt_record::kRingReplaced);
    // Each time anew it waits for the reader.
    now_us += 9 * kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced);
    ASSERT_EQ(rename(ring_.Beside(".away").c_str(), ring_.path().c_str()), 0);
    now_us += kSecondUs;
    EXPECT_TRUE(Takes());
  }
  EXPECT_EQ(Drain().size(), 3u);
  EXPECT_EQ(taker_.abandoned_bytes(), 0u);
}

TEST_F(MessageTakerTest, LeavesAForeignFileInTheRingsPlaceUntouched) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  const uint64_t unread_bytes = taker_.producer().UsedBytes();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  std::ofstream(ring_.path()) << "somebody's notes";
  for (int i = 0; i < 100; ++i) {
    now_us += kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced, i % 3);
    ExpectPassedOn(Take(1, "devices/a/telemetri"));
    taker_.CountTime(1'000);
  }
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
  std::stringstream notes;
  notes << std::ifstream(ring_.path()).rdbuf();
  EXPECT_EQ(notes.str(), "somebody's notes");

  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  now_us += kSecondUs;
  EXPECT_TRUE(Takes());
  EXPECT_TRUE(Takes()) << "the new ring's reader has its grace";
  EXPECT_EQ(Counter(mqtt_record::kReopenedCounter), 1u);
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
  EXPECT_EQ(DrainOn().size(), 3u) << "the reader still had the old one";
}

TEST_F(MessageTakerTest, MakingARingAgainIsNotAllThatTheBrokerDoes) {
  OpenBothEnds();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  std::ofstream(ring_.path()) << "somebody's notes";
  now_us += kSecondUs;
  late_us = 5 * kSecondUs;
  ExpectRefused(mqtt_record::kRingReplaced, 0);
  late_us = 0;
  now_us += 5 * kSecondUs;
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  ExpectRefused(mqtt_record::kRingReplaced, 0);
  now_us += kSecondUs;
  EXPECT_TRUE(Takes(0));
}

TEST_F(MessageTakerTest, DoesNotOpenAForeignFile) {
  std::ofstream(ring_.path()) << "somebody's notes";
  EXPECT_EQ(Open(), RingError::kForeign);
  ExpectRefused(mqtt_record::kRingReplaced);
}

TEST_F(MessageTakerTest, SyncsTheTopicsThatAskForIt) {
  options_.synced_topics = {{"devices/+/commands/+/response"}, 1};
  options_.synced_max_per_s = 2;
  OpenBothEnds();
  const std::string synced = "devices/a/commands/c/response";
  EXPECT_TRUE(Takes(1));
  EXPECT_TRUE(Takes(0, synced));
  EXPECT_EQ(Counter(mqtt_record::kSyncsCounter), 0u);
  EXPECT_TRUE(Takes(1, synced));
  EXPECT_TRUE(Takes(2, synced));
  EXPECT_EQ(Counter(mqtt_record::kSyncsCounter), 2u);
  ExpectRefused(mqtt_record::kSync, 1, synced);
  ExpectRefused(mqtt_record::kSync, 2, synced);
  EXPECT_TRUE(Takes(0, synced));
  EXPECT_TRUE(Takes(1));
  EXPECT_EQ(Counter(mqtt_record::kSyncsCounter), 2u);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kSync), 2u);
  EXPECT_EQ(Drain().size(), 6u);
  now_us += kSecondUs / 2;
  EXPECT_TRUE(Takes(1, synced));
  ExpectRefused(mqtt_record::kSync, 1, synced);
}

TEST_F(MessageTakerTest, CountsTimesInBuckets) {
  OpenBothEnds();
  const uint64_t last_bound_ns = mqtt_record::kTimeBoundsUs[mqtt_record::kTimeBuckets - 2] * 1000;
  for (const uint64_t ns : {uint64_t{0}, uint64_t{1'000}, uint64_t{1'001}, uint64_t{2'001},
                            last_bound_ns, last_bound_ns + 1, 100 * last_bound_ns}) {
    taker_.CountTime(ns);
  }
  EXPECT_EQ(Counter(mqtt_record::kTimeCounter), 2u);
  EXPECT_EQ(Counter(mqtt_record::kTimeCounter + 1), 1u);
  EXPECT_EQ(Counter(mqtt_record::kTimeCounter + 2), 1u);
  EXPECT_EQ(Counter(mqtt_record::kTimeCounter + mqtt_record::kTimeBuckets - 2), 1u);
  EXPECT_EQ(Counter(mqtt_record::kTimeCounter + mqtt_record::kTimeBuckets - 1), 2u);
  EXPECT_EQ(Counter(mqtt_record::kTimeSumCounter), 4'002 + 102 * last_bound_ns + 1);
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
