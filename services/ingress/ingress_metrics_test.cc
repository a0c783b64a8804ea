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

  prometheus::Registry registry_;
  IngressMetrics metrics_{&registry_};
  IngressMetrics::Snapshot snapshot_;
};

TEST_F(IngressMetricsTest, ShowsTotalsHoweverOftenItIsUpdated) {
  snapshot_.intake.messages[v1::PROTOCOL_COAP][0][1][IntakeStats::kMalformed] = 3;
  snapshot_.dropped["newcomers_full"] = 2;
  snapshot_.registry_synced = true;
  metrics_.Update(snapshot_);
  snapshot_.intake.messages[v1::PROTOCOL_COAP][0][1][IntakeStats::kMalformed] = 5;
  metrics_.Update(snapshot_);
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_messages_total{kind=\"telemetry\",outcome="
                                "\"malformed\",protocol=\"coap\",qos=\"1\"} 5\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_dropped_total{reason=\"newcomers_full\"} 2\n"));
  EXPECT_THAT(Page(), HasSubstr("sluice_ingress_registry_synced 1\n"));
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
  snapshot_.subscriptions[1].name = "backup";
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), HasSubstr("sluice_subscription_lag{subscription=\"cloud\"} 7\n"));
  EXPECT_THAT(Page(), HasSubstr("backup"));
  snapshot_.subscriptions.pop_back();
  metrics_.Update(snapshot_);
  EXPECT_THAT(Page(), Not(HasSubstr("backup")));
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
