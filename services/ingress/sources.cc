#include "services/ingress/sources.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/file/atomic_file.h"
#include "libs/proto_time/proto_time.h"
#include "libs/status/field_violation.h"

namespace sluice::ingress {
namespace {

constexpr int64_t kMaxPasswordBytes = 64 << 10;
// How long a start waits for the broker.
constexpr absl::Duration kBrokerPatience = absl::Seconds(2);

absl::StatusOr<MqttSession::Options> MqttOptions(const config::v1::IngressConfig& config) {
  const config::v1::Mqtt& mqtt = config.mqtt();
  MqttSession::Options options;
  options.broker = mqtt.broker();
  options.client_id = absl::StrCat("sluice-", config.instance_id());
  options.protocol_version = mqtt.protocol_version();
  options.keep_alive = FromProto(mqtt.keep_alive());
  options.session_expiry = FromProto(mqtt.session_expiry());
  options.username = mqtt.username();
  if (!mqtt.password_file().empty()) {
    const auto password = ReadFile(mqtt.password_file(), kMaxPasswordBytes);
    if (!password.ok()) return InvalidField("mqtt.password_file", password.status().message());
    // Editors end a file with a line break.
    options.password = std::string(absl::StripTrailingAsciiWhitespace(*password));
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sources>> Sources::Start(const config::v1::IngressConfig& config,
                                                        Intake* intake, const Clock* clock,
                                                        OnAcknowledged on_acknowledged) {
  std::unique_ptr<Sources> sources(new Sources);
  if (config.coap().enabled()) {
    CoapOptions options = CoapOptionsFrom(config.coap());
    options.on_acknowledged = [on_acknowledged](absl::Duration took) {
      on_acknowledged(v1::PROTOCOL_COAP, took);
    };
    auto coap = CoapServer::Create(options, intake, clock);
    if (!coap.ok()) return coap.status();
    sources->coap_ = *std::move(coap);
  }
  if (config.mqtt().enabled()) {
    absl::Status status = sources->StartMqtt(config, intake, clock, std::move(on_acknowledged));
    if (!status.ok()) return status;
  }
  return sources;
}

absl::Status Sources::StartMqtt(const config::v1::IngressConfig& config, Intake* intake,
                                const Clock* clock, OnAcknowledged on_acknowledged) {
  auto options = MqttOptions(config);
  if (!options.ok()) return options.status();
  auto session = MqttSession::Create(*std::move(options));
  if (!session.ok()) return session.status();
  mqtt_session_ = *std::move(session);
  MqttSource::Options source_options;
  source_options.on_acknowledged = [told = std::move(on_acknowledged)](absl::Duration took) {
    told(v1::PROTOCOL_MQTT, took);
  };
  mqtt_source_ = std::make_unique<MqttSource>(source_options, intake, mqtt_session_.get(), clock);
  mqtt_session_->Start(MqttSource::Subscriptions(),
                       [source = mqtt_source_.get()](const InboundPublish& publish) {
                         return source->Take(publish);
                       });
  // What a broker acknowledges before it knows our session is lost: be ready after that, if it is
  // there at all.
  if (!mqtt_session_->AwaitConnected(kBrokerPatience)) {
    spdlog::warn("MQTT broker {}: not connected yet, trying on", config.mqtt().broker());
  }
  return absl::OkStatus();
}

Sources::~Sources() { Stop(); }

void Sources::Stop() {
  if (mqtt_session_ != nullptr) mqtt_session_->Stop();
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
  if (mqtt_source_ != nullptr) {
    const MqttSource::Stats stats = mqtt_source_->stats();
    dropped["mqtt_retained_telemetry"] = stats.retained_telemetry;
    dropped["mqtt_unknown_topic"] = stats.unknown_topic;
    const MqttSession::Stats session = mqtt_session_->stats();
    dropped["mqtt_overload"] = stats.overload + session.dropped_qos0;
    dropped["mqtt_error_notices"] = stats.notices_dropped;
    dropped["mqtt_sessions_lost"] = session.sessions_lost;
  }
  return dropped;
}

bool Sources::mqtt_connected() const {
  return mqtt_session_ != nullptr && mqtt_session_->stats().connected;
}

}  // namespace sluice::ingress
