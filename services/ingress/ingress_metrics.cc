#include "services/ingress/ingress_metrics.h"

#include <algorithm>
#include <set>

namespace sluice::ingress {
namespace {

constexpr const char* kProtocolNames[IntakeStats::kProtocols] = {"unknown", "mqtt", "coap", "grpc"};
constexpr const char* kKindNames[IntakeStats::kKinds] = {"telemetry", "status", "command_response",
                                                         "unknown"};
constexpr const char* kOutcomeNames[IntakeStats::kOutcomes] = {
    "accepted",       "unchanged",       "duplicate",
    "malformed",      "too_large",       "illegal_device_id",
    "unknown_device", "disabled_device", "unsupported_content_type",
    "unavailable",    "over_rate",       "accepted_over_rate"};

// 100 µs to 10 s.
prometheus::Histogram::BucketBoundaries Seconds() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
          0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
}

prometheus::Histogram::BucketBoundaries CallbackBounds() {
  prometheus::Histogram::BucketBoundaries bounds;
  for (const uint64_t us : mqtt_record::kTimeBoundsUs) {
    bounds.push_back(static_cast<double>(us) / 1e6);
  }
  return bounds;
}

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry,
                                                  const std::string& name,
                                                  const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
prometheus::Family<prometheus::Gauge>& Gauges(prometheus::Registry& registry,
                                              const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
prometheus::Family<prometheus::Histogram>& Histograms(prometheus::Registry& registry,
                                                      const std::string& name,
                                                      const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

void RaiseTo(prometheus::Counter& counter, int64_t total) {
  counter.Increment(static_cast<double>(total) - counter.Value());
}

}  // namespace

IngressMetrics::IngressMetrics(prometheus::Registry* registry)
    : messages_(Counters(*registry, "sluice_ingress_messages_total",
                         "Messages of devices, by the way they came and what became of them")),
      journal_bytes_(Gauges(*registry, "sluice_journal_bytes", "Size of a log on disk")),
      sync_seconds_(
          Histograms(*registry, "sluice_journal_sync_seconds",
                     "Time of an fdatasync (those of one second are shown as their mean)")),
      dropped_(Counters(*registry, "sluice_dropped_total", "What was given up, by reason")),
      lag_(Gauges(*registry, "sluice_subscription_lag",
                  "Records that a subscription has not acknowledged")),
      lag_bytes_(Gauges(*registry, "sluice_subscription_lag_bytes",
                        "What they take on the disk, by the journal's index")),
      lag_seconds_(
          Gauges(*registry, "sluice_subscription_lag_seconds", "Age of the oldest of them")),
      mqtt_connected_(Gauges(*registry, "sluice_ingress_mqtt_connected",
                             "1 while the session with an MQTT broker stands")),
      mqtt_receipts_(Counters(*registry, "sluice_mqtt_receipts_total",
                              "Answers on Response Topics that a broker has taken")),
      ring_bytes_(Gauges(*registry, "sluice_ring_bytes",
                         "What the broker's plugin took in and is not durable elsewhere yet")),
      plugin_messages_(Counters(*registry, "sluice_mqtt_plugin_messages_total",
                                "Messages that the broker's plugin took in")),
      plugin_refused_(Counters(*registry, "sluice_mqtt_plugin_refused_total",
                               "Connections closed by the broker's plugin instead of a message "
                               "taken: the device sends it again")),
      plugin_waits_(Counters(*registry, "sluice_mqtt_plugin_waits_total",
                             "Times that the plugin slowed the broker down")),
      plugin_wait_seconds_(Counters(*registry, "sluice_mqtt_plugin_wait_seconds_total",
                                    "Time that the plugin slowed the broker down for")),
      plugin_syncs_(Counters(*registry, "sluice_mqtt_plugin_syncs_total",
                             "fdatasyncs of the plugin, for messages on synced topics")),
      plugin_unknown_topics_(Counters(*registry, "sluice_mqtt_plugin_unknown_topic_total",
                                      "Messages under devices/ on topics that nobody takes")),
      plugin_abandoned_bytes_(Counters(*registry, "sluice_mqtt_plugin_abandoned_bytes_total",
                                       "Taken in, and not read when the ring's file was deleted")),
      plugin_pauses_(Counters(*registry, "sluice_mqtt_plugin_pauses_total",
                              "Times that a device over its rate was told to pause, and that there "
                              "was no room to tell the plugin")),
      ring_held_back_(Counters(*registry, "sluice_ring_held_back_total",
                               "Times that the ring was not read since nothing could be written")),
      plugin_callback_seconds_(
          Histograms(*registry, "sluice_mqtt_plugin_callback_seconds",
                     "Time of the plugin's callback in the broker, a message")),
      registry_synced_(Gauges(*registry, "sluice_ingress_registry_synced",
                              "1 while the registry's devices are watched")
                           .Add({})),
      known_devices_(Gauges(*registry, "sluice_ingress_known_devices",
                            "Devices in the replica of the registry")
                         .Add({})),
      bytes_under_way_(Gauges(*registry, "sluice_ingress_bytes_under_way",
                              "Memory of what came by gRPC and CoAP and is not answered yet")
                           .Add({})),
      message_ids_(Gauges(*registry, "sluice_ingress_message_ids",
                          "Ids of messages that are remembered, so that none counts twice")
                       .Add({})),
      message_ids_evicted_(Counters(*registry, "sluice_ingress_message_ids_evicted_total",
                                    "Ids of messages forgotten before their time, for want of room")
                               .Add({})),
      coap_duplicates_(Counters(*registry, "sluice_ingress_coap_duplicates_total",
                                "CoAP messages that were sent, or arrived, again")
                           .Add({})),
      coap_duplicates_evicted_(
          Counters(*registry, "sluice_ingress_coap_duplicates_evicted_total",
                   "CoAP messages forgotten before their time, for want of room")
              .Add({})) {
  auto& ack_seconds = Histograms(*registry, "sluice_ingress_ack_seconds",
                                 "Time from a message's arrival to its acknowledgement");
  for (const v1::Protocol protocol : {v1::PROTOCOL_MQTT, v1::PROTOCOL_COAP, v1::PROTOCOL_GRPC}) {
    ack_seconds_[protocol] = &ack_seconds.Add({{"protocol", kProtocolNames[protocol]}}, Seconds());
  }
}

void IngressMetrics::Update(const Snapshot& snapshot) {
  for (int p = 0; p < IntakeStats::kProtocols; ++p) {
    for (int k = 0; k < IntakeStats::kKinds; ++k) {
      for (int q = 0; q < IntakeStats::kQos; ++q) {
        for (int o = 0; o < IntakeStats::kOutcomes; ++o) {
          const int64_t total = snapshot.intake.messages[p][k][q][o];
          if (total == 0) continue;
          RaiseTo(messages_.Add({{"protocol", kProtocolNames[p]},
                                 {"kind", kKindNames[k]},
                                 {"qos", std::to_string(q)},
                                 {"outcome", kOutcomeNames[o]}}),
                  total);
        }
      }
    }
  }
  for (const auto& [name, stats] : snapshot.journals) UpdateJournal(name, stats);
  UpdateSubscriptions(snapshot.subscriptions);
  for (const auto& [reason, total] : snapshot.dropped) {
    RaiseTo(dropped_.Add({{"reason", reason}}), total);
  }
  for (const Sources::BrokerState& broker : snapshot.brokers) UpdateBroker(broker);
  registry_synced_.Set(snapshot.registry_synced ? 1 : 0);
  known_devices_.Set(static_cast<double>(snapshot.known_devices));
  bytes_under_way_.Set(static_cast<double>(snapshot.bytes_under_way));
  message_ids_.Set(static_cast<double>(snapshot.window.messages));
  RaiseTo(message_ids_evicted_, snapshot.window.evicted);
  RaiseTo(coap_duplicates_, snapshot.coap.duplicates);
  RaiseTo(coap_duplicates_evicted_, snapshot.coap.evicted);
}

void IngressMetrics::UpdateJournal(const std::string& name, const JournalStats& stats) {
  journal_bytes_.Add({{"journal", name}}).Set(static_cast<double>(stats.bytes));
  RaiseTo(dropped_.Add({{"reason", name + "_retention"}}), stats.deleted_unacknowledged_records);
  RaiseTo(dropped_.Add({{"reason", name + "_reserve"}}), stats.deleted_for_reserve_records);
  RaiseTo(dropped_.Add({{"reason", name + "_corrupt"}}), stats.corrupt_records);

  JournalStats& last = journals_[name];
  const int64_t syncs = stats.syncs - last.syncs;
  if (syncs > 0) {
    const auto bounds = Seconds();
    const double seconds = absl::ToDoubleSeconds(stats.sync_time - last.sync_time);
    std::vector<double> increments(bounds.size() + 1, 0);
    const auto bucket =
        std::lower_bound(bounds.begin(), bounds.end(), seconds / static_cast<double>(syncs));
    increments[static_cast<size_t>(bucket - bounds.begin())] = static_cast<double>(syncs);
    sync_seconds_.Add({{"journal", name}}, bounds).ObserveMultiple(increments, seconds);
  }
  last = stats;
}

void IngressMetrics::UpdateBroker(const Sources::BrokerState& broker) {
  const std::map<std::string, std::string> label = {{"broker", broker.address}};
  mqtt_connected_.Add(label).Set(broker.connected ? 1 : 0);
  RaiseTo(mqtt_receipts_.Add(label), broker.receipts_sent);
  if (!broker.ring.has_value()) return;
  ring_bytes_.Add(label).Set(static_cast<double>(broker.ring->ring_bytes));
  const auto counter = [&](int number) {
    return broker.ring->counters[static_cast<size_t>(number)];
  };
  const auto with = [&](const char* name, const std::string& value) {
    return std::map<std::string, std::string>{{"broker", broker.address}, {name, value}};
  };
  for (int q = 0; q < IntakeStats::kQos; ++q) {
    RaiseTo(plugin_messages_.Add(with("qos", std::to_string(q))),
            counter(mqtt_record::kTakenCounter + q));
  }
  for (int reason = 0; reason < mqtt_record::kReasons; ++reason) {
    RaiseTo(plugin_refused_.Add(with("reason", mqtt_record::kReasonNames[reason])),
            counter(mqtt_record::kRefusedCounter + reason));
  }
  RaiseTo(plugin_waits_.Add(label), counter(mqtt_record::kWaitsCounter));
  auto& wait_seconds = plugin_wait_seconds_.Add(label);
  wait_seconds.Increment(static_cast<double>(counter(mqtt_record::kWaitedUsCounter)) / 1e6 -
                         wait_seconds.Value());
  RaiseTo(plugin_syncs_.Add(label), counter(mqtt_record::kSyncsCounter));
  RaiseTo(plugin_unknown_topics_.Add(label), counter(mqtt_record::kUnknownTopicCounter));
  RaiseTo(plugin_abandoned_bytes_.Add(label), counter(mqtt_record::kAbandonedBytesCounter));
  RaiseTo(plugin_pauses_.Add(with("told", "yes")), broker.ring->pauses);
  RaiseTo(plugin_pauses_.Add(with("told", "no")), broker.ring->untold_pauses);
  RaiseTo(ring_held_back_.Add(label), broker.ring->held_back);
  ObserveCallbacks(broker, plugin_callback_seconds_.Add(label, CallbackBounds()));
}

void IngressMetrics::ObserveCallbacks(const Sources::BrokerState& broker,
                                      prometheus::Histogram& histogram) {
  RingSource::Stats& last = rings_[broker.address];
  const auto gained = [&](int number) {
    const auto at = static_cast<size_t>(number);
    return static_cast<double>(broker.ring->counters[at] - last.counters[at]);
  };
  std::vector<double> increments;
  for (int bucket = 0; bucket < mqtt_record::kTimeBuckets; ++bucket) {
    increments.push_back(gained(mqtt_record::kTimeCounter + bucket));
  }
  histogram.ObserveMultiple(increments, gained(mqtt_record::kTimeSumCounter) / 1e9);
  last = *broker.ring;
}

void IngressMetrics::UpdateSubscriptions(const std::vector<SubscriptionInfo>& subscriptions) {
  std::set<std::string> there;
  for (const SubscriptionInfo& info : subscriptions) {
    there.insert(info.name);
    const std::map<std::string, std::string> label = {{"subscription", info.name}};
    const Lag lag = {&lag_.Add(label), &lag_bytes_.Add(label), &lag_seconds_.Add(label)};
    lag.records->Set(static_cast<double>(info.lag_records));
    lag.bytes->Set(static_cast<double>(info.lag_bytes));
    lag.seconds->Set(absl::ToDoubleSeconds(info.oldest_age));
    lags_[info.name] = lag;
  }
  for (auto it = lags_.begin(); it != lags_.end();) {
    if (there.count(it->first) > 0) {
      ++it;
      continue;
    }
    lag_.Remove(it->second.records);
    lag_bytes_.Remove(it->second.bytes);
    lag_seconds_.Remove(it->second.seconds);
    it = lags_.erase(it);
  }
}

void IngressMetrics::Acknowledged(v1::Protocol protocol, absl::Duration took) {
  prometheus::Histogram* const histogram = ack_seconds_[protocol];
  if (histogram != nullptr) histogram->Observe(absl::ToDoubleSeconds(took));
}

}  // namespace sluice::ingress
