#include "services/ingress/mqtt/mqtt_source.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/device_id/device_id.h"
#include "services/ingress/mqtt/json_string.h"
#include "services/ingress/mqtt/topic.h"

namespace sluice::ingress {
namespace {

constexpr char kJson[] = "application/json";
constexpr size_t kMaxCorrelationBytes = 4096;

InboundMessage::Kind KindOf(DeviceTopic::Kind kind) {
  switch (kind) {
    case DeviceTopic::Kind::kTelemetry:
      return InboundMessage::Kind::kTelemetry;
    case DeviceTopic::Kind::kStatus:
      return InboundMessage::Kind::kStatus;
    case DeviceTopic::Kind::kCommandResponse:
      return InboundMessage::Kind::kCommandResponse;
  }
  return InboundMessage::Kind::kTelemetry;
}

Subscription BrokerDrops() {
  return {.filter = kBrokerDropsTopic, .qos = 0, .send_retained = true, .required = false};
}

bool IsOverload(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

std::string ReasonOf(const Verdict& verdict) {
  if (verdict.reason == v1::DEAD_LETTER_REASON_UNSPECIFIED) {
    return absl::StatusCodeToString(verdict.status.code());
  }
  const std::string& name = v1::DeadLetterReason_Name(verdict.reason);
  return std::string(absl::StripPrefix(name, "DEAD_LETTER_REASON_"));
}

std::string ErrorText(const InboundMessage& message, const Verdict& verdict) {
  return absl::StrCat("{\"error\": ", JsonString(verdict.status.message()),
                      ", \"reason\": ", JsonString(ReasonOf(verdict)),
                      ", \"topic\": ", JsonString(message.address),
                      ", \"time_ms\": ", absl::ToUnixMillis(message.received.time), "}");
}

bool AsksForAnswer(const InboundPublish& publish) {
  return !publish.response_topic.empty() || publish.reply_left_out;
}

}  // namespace

MqttSource::MqttSource(const Options& options, Intake* intake, Publisher* publisher,
                       const Clock* clock)
    : options_(options),
      intake_(intake),
      publisher_(publisher),
      clock_(clock),
      open_notices_(std::make_shared<std::atomic<int>>(0)) {}

std::vector<Subscription> MqttSource::Subscriptions() {
  return {{.filter = kCommandResponseFilter},
          {.filter = kStatusFilter, .send_retained = true},
          {.filter = kTelemetryFilter},
          BrokerDrops()};
}

std::vector<Subscription> MqttSource::SubscriptionsBesidePlugin() {
  return {{.filter = kStatusFilter, .send_retained = true}, BrokerDrops()};
}

std::vector<std::string> MqttSource::TakenByPlugin() {
  return {kTelemetryFilter, kCommandResponseFilter};
}

Taken MqttSource::Take(const InboundPublish& publish) {
  if (publish.topic == kBrokerDropsTopic) {
    CountBrokerDrops(publish.payload);
    return {};
  }
  const absl::optional<DeviceTopic> topic = ParseTopic(publish.topic);
  if (!topic.has_value() && !publish.ring.has_value()) {
    absl::MutexLock lock(&mutex_);
    ++stats_.unknown_topic;
    return {};
  }
  if (topic.has_value() && topic->kind == DeviceTopic::Kind::kTelemetry && publish.retained) {
    absl::MutexLock lock(&mutex_);
    ++stats_.retained_telemetry;
    return {};
  }
  InboundMessage message;
  message.kind = InboundMessage::Kind::kUnknown;
  if (topic.has_value()) {
    message.kind = KindOf(topic->kind);
    message.device_id = topic->device_id;
    message.command_id = topic->command_id;
  }
  message.protocol = v1::PROTOCOL_MQTT;
  message.qos = publish.qos;
  message.address = publish.topic;
  message.message_id = publish.message_id;
  message.content_type = publish.content_type;
  message.payload = publish.payload;
  message.payload_size_bytes =
      publish.payload_size.value_or(static_cast<int64_t>(publish.payload.size()));
  message.received = publish.received.has_value() ? *publish.received : MomentOf(*clock_);
  message.retained = publish.retained;
  message.client_id = publish.client_id;
  message.username = publish.username;
  message.ring = publish.ring;

  const Verdict verdict = intake_->Take(message);
  if (verdict.status.ok()) {
    // What the plugin took was acknowledged by the broker before.
    if (publish.qos > 0 && !publish.ring.has_value() && options_.on_acknowledged) {
      options_.on_acknowledged(clock_->Uptime() - message.received.uptime);
    }
    if (AsksForAnswer(publish)) Answer(publish, message, verdict);
    return {Outcome::kTaken, verdict.receipt};
  }
  if (IsOverload(verdict.status)) {
    if (publish.qos > 0) return {Outcome::kNotNow, {}};
    absl::MutexLock lock(&mutex_);
    ++stats_.overload;
    return {};
  }
  SendNotice(message, verdict);
  if (AsksForAnswer(publish)) Answer(publish, message, verdict);
  return {Outcome::kTaken, verdict.receipt, /*refused=*/true};
}

void MqttSource::CountBrokerDrops(absl::string_view total) {
  int64_t drops;
  if (!absl::SimpleAtoi(total, &drops) || drops < 0) return;
  absl::MutexLock lock(&mutex_);
  // Less than before: the broker was started anew.
  stats_.broker_drops += drops >= broker_drops_ ? drops - broker_drops_ : drops;
  broker_drops_ = drops;
}

void MqttSource::SendNotice(const InboundMessage& message, const Verdict& verdict) {
  // An illegal id might name a topic that is somebody else's.
  if (!ValidateId(message.device_id, "device_id").ok()) return;
  const auto open = open_notices_;
  absl::Status sent = absl::ResourceExhaustedError("too many notices");
  if (open->fetch_add(1) < options_.max_notices) {
    sent = publisher_->Publish({.topic = ErrorsTopic(message.device_id),
                                .payload = ErrorText(message, verdict),
                                .qos = 0,
                                .content_type = kJson},
                               [open](const absl::Status&) { open->fetch_sub(1); });
  }
  if (!sent.ok()) open->fetch_sub(1);
  absl::MutexLock lock(&mutex_);
  ++(sent.ok() ? stats_.notices : stats_.notices_dropped);
}

void MqttSource::Answer(const InboundPublish& publish, const InboundMessage& message,
                        const Verdict& verdict) {
  if (message.kind != InboundMessage::Kind::kTelemetry) return;
  // What the plugin left out is not known to be a topic for answers, and an illegal id might name
  // one that is somebody else's.
  const bool refused = publish.reply_left_out ||
                       publish.correlation_data.size() > kMaxCorrelationBytes ||
                       !ValidateId(message.device_id, "device_id").ok() ||
                       !IsReplyTopic(publish.response_topic, message.device_id);
  const bool known = !verdict.status.ok() || verdict.receipt.log == Receipt::Log::kTelemetry;
  if (!refused && known && options_.answer) {
    options_.answer(
        verdict.receipt,
        {.topic = std::string(publish.response_topic),
         .payload = verdict.status.ok() ? absl::StrCat("{\"offset\": ", verdict.receipt.offset, "}")
                                        : ErrorText(message, verdict),
         // The sender's subscription can still ask for less, and a session that it keeps at the
         // broker has the answer waiting when it is back: it need not send again.
         .qos = 1,
         .content_type = kJson,
         .correlation_data = std::string(publish.correlation_data)});
    return;
  }
  absl::MutexLock lock(&mutex_);
  ++(refused  ? stats_.answers_refused
     : !known ? stats_.answers_unknown_offset
              : stats_.answers_unsupported);
}

MqttSource::Stats MqttSource::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace sluice::ingress
