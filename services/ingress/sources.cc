#include "services/ingress/sources.h"

#include <spdlog/spdlog.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/ingress/config.h"

namespace sluice::ingress {
namespace {

// How long a start waits for the broker.
constexpr absl::Duration kBrokerPatience = absl::Seconds(2);

}  // namespace

absl::StatusOr<std::unique_ptr<Sources>> Sources::Start(const config::v1::IngressConfig& config,
                                                        const Parts& parts) {
  std::unique_ptr<Sources> sources(new Sources);
  if (config.coap().enabled()) {
    CoapOptions options = CoapOptionsFrom(config.coap());
    options.budget = parts.budget;
    options.on_acknowledged = [told = parts.on_acknowledged](absl::Duration took) {
      told(v1::PROTOCOL_COAP, took);
    };
    auto coap = CoapServer::Create(options, parts.intake, parts.clock);
    if (!coap.ok()) return coap.status();
    sources->coap_ = *std::move(coap);
  }
  if (config.mqtt().enabled()) {
    absl::Status status = sources->CreateBrokers(config, parts);
    if (!status.ok()) return status;
    sources->StartBrokers(*parts.clock);
  }
  return sources;
}

absl::Status Sources::CreateBrokers(const config::v1::IngressConfig& config, const Parts& parts) {
  std::vector<Publisher*> publishers;
  for (int i = 0; i < config.mqtt().brokers_size(); ++i) {
    MqttBroker::Parts broker_parts;
    broker_parts.intake = parts.intake;
    broker_parts.unknown_topics = parts.unknown_topics;
    broker_parts.clock = parts.clock;
    broker_parts.marks = parts.marks;
    broker_parts.on_taken = [this, i](const InboundPublish& publish) {
      publisher_->Heard(publish.topic, static_cast<size_t>(i), publish.retained);
    };
    broker_parts.on_acknowledged = [told = parts.on_acknowledged](absl::Duration took) {
      told(v1::PROTOCOL_MQTT, took);
    };
    auto broker = MqttBroker::Create(WithDefaults(config.mqtt().brokers(i)),
                                     absl::StrCat("mqtt.brokers[", i, "]"), config.instance_id(),
                                     std::move(broker_parts));
    if (!broker.ok()) return broker.status();
    publishers.push_back((*broker)->publisher());
    brokers_.push_back(*std::move(broker));
  }
  publisher_ = std::make_unique<RoutedPublisher>(std::move(publishers));
  return absl::OkStatus();
}

void Sources::StartBrokers(const Clock& clock) {
  for (const auto& broker : brokers_) broker->Start();
  // What a broker acknowledges before it knows our session is lost: be ready after that, if it is
  // there at all.
  const absl::Duration deadline = clock.Uptime() + kBrokerPatience;
  for (const auto& broker : brokers_) {
    if (!broker->AwaitConnected(deadline - clock.Uptime())) {
      spdlog::warn("MQTT broker {}: not connected yet, trying on", broker->address());
    }
  }
}

Sources::~Sources() { Stop(); }

void Sources::Stop() {
  // At once, since each may take seconds.
  std::vector<std::thread> stopping;
  for (const auto& broker : brokers_) stopping.emplace_back([&broker] { broker->Stop(); });
  for (std::thread& thread : stopping) thread.join();
  if (coap_ != nullptr) coap_->Stop();
}

std::map<std::string, std::string> Sources::Endpoints() const {
  std::map<std::string, std::string> endpoints;
  if (coap_ != nullptr) endpoints["coap"] = coap_->endpoint();
  return endpoints;
}

std::map<std::string, int64_t> Sources::Dropped() const {
  std::map<std::string, int64_t> dropped;
  if (coap_ != nullptr) {
    const CoapStats stats = coap_->stats();
    dropped["coap_overload"] = stats.shed;
    dropped["coap_receive_buffer_full"] = stats.dropped_by_system;
    dropped["coap_malformed_datagrams"] = stats.malformed;
    dropped["coap_unfinished_blocks"] = stats.reassembly.evicted + stats.reassembly.timed_out;
  }
  for (const auto& broker : brokers_) broker->CountDropped(&dropped);
  if (publisher_ != nullptr) dropped["mqtt_routes_full"] = publisher_->dropped();
  return dropped;
}

std::vector<Sources::BrokerState> Sources::Brokers() const {
  std::vector<BrokerState> states;
  for (const auto& broker : brokers_) {
    states.push_back(
        {broker->address(), broker->connected(), broker->receipts_sent(), broker->ring()});
  }
  return states;
}

MessageDedup::Stats Sources::CoapDedup() const {
  return coap_ != nullptr ? coap_->stats().dedup : MessageDedup::Stats();
}

}  // namespace sluice::ingress
