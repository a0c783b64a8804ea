#include "services/ingress/mqtt_broker.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"
#include "libs/proto_time/proto_time.h"
#include "libs/ring/producer_probe.h"
#include "libs/status/field_violation.h"

namespace sluice::ingress {
namespace {

constexpr int64_t kMaxPasswordBytes = 64 << 10;
constexpr char kPlugin[] = "plugin";

absl::StatusOr<MqttSession::Options> SessionOptions(const config::v1::MqttBroker& settings,
                                                    const std::string& field,
                                                    const std::string& instance_id) {
  MqttSession::Options options;
  options.broker = settings.address();
  options.client_id = absl::StrCat("sluice-", instance_id);
  options.protocol_version = settings.protocol_version();
  options.keep_alive = FromProto(settings.keep_alive());
  options.session_expiry = FromProto(settings.session_expiry());
  options.username = settings.username();
  if (!settings.password_file().empty()) {
    const auto password = ReadFile(settings.password_file(), kMaxPasswordBytes);
    if (!password.ok()) return InvalidField(field + ".password_file", password.status().message());
    // Editors end a file with a line break.
    options.password = std::string(absl::StripTrailingAsciiWhitespace(*password));
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MqttBroker>> MqttBroker::Create(
    const config::v1::MqttBroker& settings, const std::string& field,
    const std::string& instance_id, Parts parts) {
  auto options = SessionOptions(settings, field, instance_id);
  if (!options.ok()) return options.status();
  // By a plugin telemetry waits in the ring, and the session is there for the rest.
  if (settings.source() != kPlugin) {
    options->ready = [intake = parts.intake] { return intake->CheckWritable(); };
  }
  auto session = MqttSession::Create(*std::move(options));
  if (!session.ok()) return session.status();
  return std::unique_ptr<MqttBroker>(
      new MqttBroker(settings, std::move(parts), *std::move(session)));
}

MqttBroker::MqttBroker(const config::v1::MqttBroker& settings, Parts parts,
                       std::unique_ptr<MqttSession> session)
    : settings_(settings),
      parts_(std::move(parts)),
      session_(std::move(session)),
      receipts_(settings_.protocol_version() == 5
                    ? std::make_unique<Receipts>(Receipts::Options(), parts_.intake, session_.get())
                    : nullptr),
      source_(SourceOptions(), parts_.intake, session_.get(), parts_.clock) {}

MqttBroker::~MqttBroker() { Stop(); }

MqttSource::Options MqttBroker::SourceOptions() const {
  MqttSource::Options options;
  options.on_acknowledged = parts_.on_acknowledged;
  if (receipts_ != nullptr) {
    options.answer = [this](const Receipt& receipt, Publication answer) {
      receipts_->Add(receipt, std::move(answer));
    };
  }
  return options;
}

Wishes MqttBroker::WishesNow() const {
  if (settings_.source() != kPlugin) return {MqttSource::Subscriptions(), {}};
  // The plugin has its ring before the broker lets anybody in.
  const auto has_plugin = ring::HasProducer(settings_.ring());
  if (!has_plugin.ok()) {
    spdlog::error("MQTT broker {}: whether its plugin has the ring {} cannot be known: {}",
                  settings_.address(), settings_.ring(), has_plugin.status().ToString());
  }
  if (!has_plugin.ok() || *has_plugin) {
    return {MqttSource::SubscriptionsBesidePlugin(), MqttSource::TakenByPlugin()};
  }
  spdlog::error(
      "MQTT broker {}: no plugin has the ring {}: telemetry comes by a subscription until the "
      "broker is started with it (docs/mqtt.md)",
      settings_.address(), settings_.ring());
  return {MqttSource::Subscriptions(), {}};
}

void MqttBroker::Start() {
  const auto take = [this](const InboundPublish& publish) {
    const Taken taken = source_.Take(publish);
    if (taken.outcome == Outcome::kTaken && !taken.refused && parts_.on_taken) {
      parts_.on_taken(publish);
    }
    return taken;
  };
  session_->Start([this] { return WishesNow(); },
                  [take](const InboundPublish& publish) { return take(publish).outcome; });
  if (settings_.ring().empty()) return;
  RingSource::Options options;
  options.path = settings_.ring();
  options.drain_only = settings_.source() != kPlugin;
  options.max_device_messages_per_s = settings_.max_device_messages_per_s();
  ring_ = std::make_unique<RingSource>(
      options, RingSource::Parts{take, parts_.intake, parts_.unknown_topics, parts_.clock},
      parts_.marks);
}

void MqttBroker::Stop() {
  // The ring first: it tells devices by the session what became of their messages.
  if (ring_ != nullptr) ring_->Stop();
  if (receipts_ != nullptr) receipts_->Stop();
  session_->Stop();
}

void MqttBroker::CountDropped(std::map<std::string, int64_t>* dropped) const {
  const MqttSource::Stats source = source_.stats();
  const MqttSession::Stats session = session_->stats();
  (*dropped)["mqtt_retained_telemetry"] += source.retained_telemetry;
  (*dropped)["mqtt_unknown_topic"] += source.unknown_topic;
  (*dropped)["mqtt_broker"] += source.broker_drops;
  (*dropped)["mqtt_overload"] += source.overload + session.dropped_qos0;
  (*dropped)["mqtt_error_notices"] += source.notices_dropped;
  (*dropped)["mqtt_sessions_lost"] += session.sessions_lost;
  (*dropped)["mqtt_receipts_topic"] += source.answers_refused;
  (*dropped)["mqtt_receipts_offset_unknown"] += source.answers_unknown_offset;
  (*dropped)["mqtt_receipts_unsupported"] += source.answers_unsupported;
  const Receipts::Stats receipts = receipts_ != nullptr ? receipts_->stats() : Receipts::Stats();
  (*dropped)["mqtt_receipts_full"] += receipts.dropped_full;
  (*dropped)["mqtt_receipts_unsent"] += receipts.dropped_unsent;
  if (ring_ == nullptr) return;
  const RingSource::Stats ring = ring_->stats();
  (*dropped)["ring_gaps"] += ring.gaps;
  for (int i = 0; i < mqtt_record::kReasons; ++i) {
    (*dropped)[absl::StrCat("mqtt_plugin_", mqtt_record::kReasonNames[i])] +=
        ring.counters[size_t{mqtt_record::kDroppedCounter} + static_cast<size_t>(i)];
  }
}

int64_t MqttBroker::receipts_sent() const {
  return receipts_ != nullptr ? receipts_->stats().sent : 0;
}

absl::optional<RingSource::Stats> MqttBroker::ring() const {
  if (ring_ == nullptr) return absl::nullopt;
  return ring_->stats();
}

}  // namespace sluice::ingress
