#include "services/mosquitto_plugin/message_taker_fixture.h"

namespace sluice::mosquitto_plugin {
namespace {

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

TEST_F(MessageTakerTest, ShowsTelemetryUnderTheGatewaysIdAndTakesNothingOfIt) {
  OpenBothEnds();
  ExpectPassedOn(Take(1, "devices/a/telemetry", "payload", "sluice-ingress-1"));
  ExpectPassedOn(Take(1, "devices/a/receipts", "payload", "sluice-ingress-1"));
  ExpectPassedOn(Take(1, "devices/a/commands", "payload", "sluice-ingress-1"));
  const std::vector<Message> messages = Drain();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].record.kind, mqtt_record::Kind::kUnknownTopic);
  EXPECT_EQ(messages[0].topic, "devices/a/telemetry");
  EXPECT_EQ(Counter(mqtt_record::kUnknownTopicCounter), 1u);
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
  EXPECT_EQ(messages[0].payload, payload.substr(0, mqtt_record::kMaxPayloadBytes));
  EXPECT_EQ(messages[0].record.payload_size, payload.size());
  EXPECT_EQ(messages[1].topic, topic.substr(0, mqtt_record::kMaxTopicBytes));
  EXPECT_EQ(messages[2].client_id, std::string(mqtt_record::kMaxNameBytes, 'c'));
  EXPECT_EQ(Counter(mqtt_record::kTakenCounter + 1), 3u);
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
