#ifndef SLUICE_SERVICES_INGRESS_INGRESS_METRICS_H_
#define SLUICE_SERVICES_INGRESS_INGRESS_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/journal/journal.h"
#include "libs/subscription/subscription_store.h"
#include "services/ingress/intake/journal_intake.h"
#include "services/ingress/intake/message_window.h"
#include "services/ingress/sources.h"

namespace sluice::ingress {

// What ingress shows to Prometheus. The units count for themselves; Update copies what they say.
// One thread calls Update; Acknowledged may be called by any.
class IngressMetrics {
 public:
  // The units' counts at one moment.
  struct Snapshot {
    IntakeStats intake;
    std::map<std::string, JournalStats> journals;  // by name
    std::vector<SubscriptionInfo> subscriptions;
    std::map<std::string, int64_t> dropped;  // since the start, by reason
    std::vector<Sources::BrokerState> brokers;
    bool registry_synced = false;
    int64_t known_devices = 0;
    MessageWindow::Stats window;
    MessageDedup::Stats coap;
    int64_t bytes_under_way = 0;
  };

  // `registry` must outlive it.
  explicit IngressMetrics(prometheus::Registry* registry);

  void Update(const Snapshot& snapshot);

  // A message was acknowledged `took` after it came: by gRPC (a whole PublishTelemetry call) and
  // CoAP (CON) once it was on disk, by MQTT through Paho (QoS 1 and 2) once it was appended.
  void Acknowledged(v1::Protocol protocol, absl::Duration took);

 private:
  void UpdateJournal(const std::string& name, const JournalStats& stats);
  void UpdateBroker(const Sources::BrokerState& broker);
  void ObserveCallbacks(const Sources::BrokerState& broker, prometheus::Histogram& histogram);
  void UpdateSubscriptions(const std::vector<SubscriptionInfo>& subscriptions);

  prometheus::Family<prometheus::Counter>& messages_;
  prometheus::Family<prometheus::Gauge>& journal_bytes_;
  prometheus::Family<prometheus::Histogram>& sync_seconds_;
  prometheus::Family<prometheus::Counter>& dropped_;
  prometheus::Family<prometheus::Gauge>& lag_;
  prometheus::Family<prometheus::Gauge>& lag_bytes_;
  prometheus::Family<prometheus::Gauge>& lag_seconds_;
  prometheus::Family<prometheus::Gauge>& mqtt_connected_;
  prometheus::Family<prometheus::Counter>& mqtt_receipts_;
  prometheus::Family<prometheus::Gauge>& ring_bytes_;
  prometheus::Family<prometheus::Counter>& plugin_messages_;
  prometheus::Family<prometheus::Counter>& plugin_refused_;
  prometheus::Family<prometheus::Counter>& plugin_waits_;
  prometheus::Family<prometheus::Counter>& plugin_wait_seconds_;
  prometheus::Family<prometheus::Counter>& plugin_syncs_;
  prometheus::Family<prometheus::Counter>& plugin_unknown_topics_;
  prometheus::Family<prometheus::Counter>& plugin_abandoned_bytes_;
  prometheus::Family<prometheus::Counter>& plugin_pauses_;
  prometheus::Family<prometheus::Counter>& ring_held_back_;
  prometheus::Family<prometheus::Histogram>& plugin_callback_seconds_;
  prometheus::Gauge& registry_synced_;
  prometheus::Gauge& known_devices_;
  prometheus::Gauge& bytes_under_way_;
  prometheus::Gauge& message_ids_;
  prometheus::Counter& message_ids_evicted_;
  prometheus::Counter& coap_duplicates_;
  prometheus::Counter& coap_duplicates_evicted_;
  std::array<prometheus::Histogram*, IntakeStats::kProtocols> ack_seconds_{};  // null: none

  // What was shown last.
  std::map<std::string, JournalStats> journals_;
  std::map<std::string, RingSource::Stats> rings_;
  struct Lag {
    prometheus::Gauge* records;
    prometheus::Gauge* bytes;
    prometheus::Gauge* seconds;
  };
  std::map<std::string, Lag> lags_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INGRESS_METRICS_H_
