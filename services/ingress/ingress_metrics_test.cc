#include "services/ingress/ingress_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class IngressMetricsTest : public ::testing::Test {
 protected:
  std::string Page() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }
  // The value of `NAME{LABELS}`, as it is written on the page; "none" if it is not there.
  std::string Value(const std::string& what) {
    const std::string page = "\n" + Page();
    const size_t at = page.find("\n" + what + " ");
    if (at == std::string::npos) return "none";
    const size_t value = at + what.size() + 2;
    return page.substr(value, page.find('\n', value) - value);
  }
  // A broker that the snapshot shows, with a ring.
  Sources::BrokerState& AddPluginBroker(const std::string& address) {
    snapshot_.brokers.push_back({address, true, 0, RingSource::Stats()});
    return snapshot_.brokers.back();
  }

  prometheus::Registry registry_;
  IngressMetrics metrics_{&registry_};
  IngressMetrics::Snapshot snapshot_;
};

TEST_F(IngressMetricsTest, ShowsTotalsHoweverOftenItIsUpdated) {
  snapshot_.intake.messages[v1::PROTOCOL_COAP][0][1][IntakeStats::kMalformed] = 3;
  snapshot_.dropped["newcomers_full"] = 2;
  snapshot_.registry_synced = true;
  snapshot_.window = {7, 4};
  snapshot_.coap.duplicates = 9;
  snapshot_.coap.evicted = 3;
  snapshot_.bytes_under_way = 512;
  snapshot_.intake.messages[v1::PROTOCOL_MQTT][0][1][IntakeStats::kAcceptedOverRate] = 6;
  metrics_.Update(snapshot_);
  snapshot_.intake.messages[v1::PROTOCOL_COAP][0][1][IntakeStats::kMalformed] = 5;
  metrics_.Update(snapshot_);
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_messages_total{kind=\"telemetry\",outcome="
                                "\"malformed\",protocol=\"coap\",qos=\"1\"} 5\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_dropped_total{reason=\"newcomers_full\"} 2\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_registry_synced 1\n"));
  EXPECT_THAT(Page(), HasSubstr("outcome=\"accepted_over_rate\",protocol=\"mqtt\",qos=\"1\"} 6\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_bytes_under_way 512\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_message_ids 7\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_message_ids_evicted_total 4\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_coap_duplicates_total 9\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_coap_duplicates_evicted_total 3\n"));
  EXPECT_THAT(Page(), Not(HasSubstr("kind=\"status\""))) << "what never happened is not shown";
}

TEST_F(IngressMetricsTest, ShowsJournals) {
  JournalStats& journal = snapshot_.journals["telemetry"];
  journal.bytes = 4096;
  journal.syncs = 10;
  journal.sync_time = absl::Milliseconds(20);
  metrics_.Update(snapshot_);
  journal.syncs = 11;
  journal.sync_time += absl::Milliseconds(200);
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), HasSubstr("sluice_journal_bytes{journal=\"telemetry\"} 4096\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_journal_sync_seconds_count{journal=\"telemetry\"} 11\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_journal_sync_seconds_sum{journal=\"telemetry\"} 0.22"));
  EXPECT_THAT(Page(), HasSubstr("sluice_journal_sync_seconds_bucket{journal=\"telemetry\",le="
                                "\"0.0025\"} 10\n"));
}

TEST_F(IngressMetricsTest, ForgetsSubscriptionsThatAreGone) {
  snapshot_.subscriptions.resize(2);
  snapshot_.subscriptions[0].name = "cloud";
  snapshot_.subscriptions[0].lag_records = 7;
  snapshot_.subscriptions[0].lag_bytes = 900;
  snapshot_.subscriptions[0].oldest_age = absl::Seconds(90);
  snapshot_.subscriptions[1].name = "backup";
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), HasSubstr("sluice_subscription_lag{subscription=\"cloud\"} 7\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_subscription_lag_bytes{subscription=\"cloud\"} 900\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_subscription_lag_seconds{subscription=\"cloud\"} 90\n"));
  EXPECT_THAT(Page(), HasSubstr("backup"));
  snapshot_.subscriptions.pop_back();
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), Not(HasSubstr("backup")));
}

TEST_F(IngressMetricsTest, ShowsWhatThePluginCounts) {
  RingSource::Stats& ring = *AddPluginBroker("a").ring;
  ring.ring_bytes = 4096;
  ring.counters[mqtt_record::kTakenCounter] = 1;
  ring.counters[mqtt_record::kTakenCounter + 2] = 3;
  ring.counters[mqtt_record::kRefusedCounter + mqtt_record::kRingFull] = 4;
  ring.counters[mqtt_record::kRefusedCounter + mqtt_record::kSync] = 5;
  ring.counters[mqtt_record::kWaitsCounter] = 6;
  ring.counters[mqtt_record::kWaitedUsCounter] = 1'500'000;
  ring.counters[mqtt_record::kSyncsCounter] = 7;
  ring.counters[mqtt_record::kUnknownTopicCounter] = 8;
  for (int i = 0; i < 2; ++i) metrics_.Update(snapshot_);
  EXPECT_EQ(Value("sluice_ring_bytes{broker=\"a\"}"), "4096");
  EXPECT_EQ(Value("sluice_mqtt_plugin_messages_total{broker=\"a\",qos=\"0\"}"), "1");
  EXPECT_EQ(Value("sluice_mqtt_plugin_messages_total{broker=\"a\",qos=\"1\"}"), "0");
  EXPECT_EQ(Value("sluice_mqtt_plugin_messages_total{broker=\"a\",qos=\"2\"}"), "3");
  EXPECT_EQ(Value("sluice_mqtt_plugin_refused_total{broker=\"a\",reason=\"ring_full\"}"), "4");
  EXPECT_EQ(Value("sluice_mqtt_plugin_refused_total{broker=\"a\",reason=\"rate\"}"), "0");
  EXPECT_EQ(Value("sluice_mqtt_plugin_refused_total{broker=\"a\",reason=\"sync\"}"), "5");
  EXPECT_EQ(Value("sluice_mqtt_plugin_waits_total{broker=\"a\"}"), "6");
  EXPECT_EQ(Value("sluice_mqtt_plugin_wait_seconds_total{broker=\"a\"}"), "1.5");
  EXPECT_EQ(Value("sluice_mqtt_plugin_syncs_total{broker=\"a\"}"), "7");
  EXPECT_EQ(Value("sluice_mqtt_plugin_unknown_topic_total{broker=\"a\"}"), "8");
}

TEST_F(IngressMetricsTest, ShowsHowLongThePluginHoldsTheBrokerUp) {
  RingSource::Stats& ring = *AddPluginBroker("a").ring;
  const auto bucket = [&](const std::string& le) {
    return Value("sluice_mqtt_plugin_callback_seconds_bucket{broker=\"a\",le=\"" + le + "\"}");
  };
  ring.counters[mqtt_record::kTimeCounter] = 10;     // up to 1 µs
  ring.counters[mqtt_record::kTimeCounter + 7] = 2;  // up to 1 ms
  ring.counters[mqtt_record::kTimeSumCounter] = 500'000'000;
  for (int i = 0; i < 2; ++i) metrics_.Update(snapshot_);
  ring.counters[mqtt_record::kTimeCounter + 11] = 1;  // above 100 ms
  ring.counters[mqtt_record::kTimeSumCounter] = 750'000'000;
  metrics_.Update(snapshot_);
  EXPECT_EQ(bucket("1e-06"), "10");
  EXPECT_EQ(bucket("0.0001"), "10");
  EXPECT_EQ(bucket("0.001"), "12");
  EXPECT_EQ(bucket("0.1"), "12");
  EXPECT_EQ(bucket("+Inf"), "13");
  EXPECT_EQ(Value("sluice_mqtt_plugin_callback_seconds_count{broker=\"a\"}"), "13");
  EXPECT_EQ(Value("sluice_mqtt_plugin_callback_seconds_sum{broker=\"a\"}"), "0.75");
}

TEST_F(IngressMetricsTest, ShowsEachBrokerByItself) {
  AddPluginBroker("a");
  AddPluginBroker("b");
  snapshot_.brokers.push_back({"c", false, 4, absl::nullopt});  // by Paho
  snapshot_.brokers[0].ring->counters[mqtt_record::kTakenCounter] = 1;
  snapshot_.brokers[0].ring->counters[mqtt_record::kTimeCounter] = 1;
  snapshot_.brokers[1].ring->counters[mqtt_record::kTakenCounter] = 20;
  snapshot_.brokers[1].ring->counters[mqtt_record::kTimeCounter] = 20;
  for (int i = 0; i < 2; ++i) metrics_.Update(snapshot_);
  EXPECT_EQ(Value("sluice_mqtt_plugin_messages_total{broker=\"a\",qos=\"0\"}"), "1");
  EXPECT_EQ(Value("sluice_mqtt_plugin_callback_seconds_count{broker=\"a\"}"), "1");
  EXPECT_EQ(Value("sluice_mqtt_plugin_messages_total{broker=\"b\",qos=\"0\"}"), "20");
  EXPECT_EQ(Value("sluice_mqtt_plugin_callback_seconds_count{broker=\"b\"}"), "20");
  EXPECT_EQ(Value("sluice_ingress_mqtt_connected{broker=\"a\"}"), "1");
  EXPECT_EQ(Value("sluice_ingress_mqtt_connected{broker=\"c\"}"), "0");
  EXPECT_EQ(Value("sluice_mqtt_receipts_total{broker=\"c\"}"), "4");
  EXPECT_EQ(Value("sluice_ring_bytes{broker=\"c\"}"), "none");

  // A ring that comes later.
  snapshot_.brokers[2].ring.emplace().ring_bytes = 64;
  metrics_.Update(snapshot_);
  EXPECT_EQ(Value("sluice_ring_bytes{broker=\"c\"}"), "64");
}

TEST_F(IngressMetricsTest, ShowsHowLongAcknowledgementsTook) {
  metrics_.Acknowledged(v1::PROTOCOL_COAP, absl::Milliseconds(3));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_ack_seconds_count{protocol=\"coap\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_ack_seconds_count{protocol=\"grpc\"} 0\n"));
  EXPECT_THAT(Page(), HasSubstr("{protocol=\"coap\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("{protocol=\"coap\",le=\"0.0025\"} 0\n"));
}

}  // namespace
}  // namespace sluice::ingress
