#include "services/ingress/config.h"

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "libs/device_id/device_id.h"
#include "libs/net/listen_address.h"
#include "libs/status/field_violation.h"

namespace sluice::ingress {
namespace {

constexpr int64_t kKiB = int64_t{1} << 10;
constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kGiB = int64_t{1} << 30;
constexpr int64_t kTiB = int64_t{1} << 40;

absl::Status InRange(int64_t value, int64_t low, int64_t high, absl::string_view field) {
  if (value >= low && value <= high) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("is ", value, "; must be ", low, " to ", high));
}

absl::Status InRange(const google::protobuf::Duration& value, absl::Duration low,
                     absl::Duration high, absl::string_view field) {
  const absl::Duration duration = absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  if (duration >= low && duration <= high) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat("is ", absl::FormatDuration(duration), "; must be ",
                                   absl::FormatDuration(low), " to ", absl::FormatDuration(high)));
}

absl::Status OneOf(absl::string_view value, std::initializer_list<absl::string_view> allowed,
                   absl::string_view field) {
  std::string list;
  for (const absl::string_view each : allowed) {
    if (value == each) return absl::OkStatus();
    absl::StrAppend(&list, list.empty() ? "" : ", ", each);
  }
  return InvalidField(field, absl::StrCat("is '", value, "'; must be one of ", list));
}

// HOST:PORT of something that is elsewhere.
absl::Status ValidateAddress(absl::string_view address, absl::string_view field) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return InvalidField(field,
                        absl::StrCat("is '", address, "'; must be HOST:PORT, the port 1 to 65535"));
  }
  return absl::OkStatus();
}

// The first of `checks` that failed.
absl::Status First(std::initializer_list<absl::Status> checks) {
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

absl::Status ValidateJournal(const config::v1::Journal& journal, const std::string& field) {
  const absl::Status status =
      First({InRange(journal.max_bytes(), kMiB, kTiB, field + ".max_bytes"),
             InRange(journal.hard_max_bytes(), kMiB, kTiB, field + ".hard_max_bytes"),
             InRange(journal.segment_bytes(), 64 * kKiB, kGiB, field + ".segment_bytes"),
             InRange(journal.sync_interval(), absl::ZeroDuration(), absl::Seconds(10),
                     field + ".sync_interval")});
  if (!status.ok()) return status;
  if (journal.hard_max_bytes() < journal.max_bytes()) {
    return InvalidField(field + ".hard_max_bytes",
                        absl::StrCat("is ", journal.hard_max_bytes(), "; must not be less than ",
                                     field, ".max_bytes, which is ", journal.max_bytes()));
  }
  if (journal.segment_bytes() > journal.max_bytes() / 4) {
    return InvalidField(
        field + ".segment_bytes",
        absl::StrCat("is ", journal.segment_bytes(), "; must be at most a quarter of ", field,
                     ".max_bytes, which is ", journal.max_bytes()));
  }
  return absl::OkStatus();
}

absl::Status ValidateMqtt(const config::v1::Mqtt& mqtt) {
  if (!mqtt.enabled()) return absl::OkStatus();
  absl::string_view broker = mqtt.broker();
  if (!absl::ConsumePrefix(&broker, "tcp://")) {
    return InvalidField("mqtt.broker",
                        absl::StrCat("is '", mqtt.broker(), "'; must be tcp://HOST:PORT"));
  }
  if (mqtt.protocol_version() != 3 && mqtt.protocol_version() != 5) {
    return InvalidField("mqtt.protocol_version",
                        absl::StrCat("is ", mqtt.protocol_version(), "; must be 3 or 5"));
  }
  return First({ValidateAddress(broker, "mqtt.broker"),
                InRange(mqtt.keep_alive(), absl::Seconds(30), absl::Hours(1), "mqtt.keep_alive"),
                // MQTT counts the seconds in 32 bits, and all ones mean "for ever".
                InRange(mqtt.session_expiry(), absl::Hours(7 * 24), absl::Seconds(UINT32_MAX - 1),
                        "mqtt.session_expiry")});
}

absl::Status ValidateCoap(const config::v1::Coap& coap) {
  if (!coap.enabled()) return absl::OkStatus();
  return First({ValidateLoopback(coap.listen(), "coap.listen"),
                InRange(coap.max_idle_sessions(), 1, 100'000, "coap.max_idle_sessions")});
}

bool IsLoopback(absl::string_view listen) { return ValidateLoopback(listen, "listen").ok(); }

}  // namespace

config::v1::IngressConfig DefaultConfig() {
  config::v1::IngressConfig config;
  config.set_data_dir(".sluice/ingress");
  config.mutable_log()->set_level("info");
  config.mutable_log()->set_format("text");
  config.mutable_grpc()->set_listen("127.0.0.1:7101");
  config.mutable_grpc()->set_max_streams(64);
  config.mutable_grpc()->set_max_message_bytes(4 * kMiB);
  config.mutable_metrics()->set_listen("127.0.0.1:9101");
  config.mutable_registry()->set_address("127.0.0.1:7102");
  config.mutable_journal()->set_max_bytes(kGiB);
  config.mutable_journal()->set_hard_max_bytes(2 * kGiB);
  config.mutable_journal()->set_segment_bytes(16 * kMiB);
  config.mutable_dead_letters()->set_max_bytes(64 * kMiB);
  config.mutable_dead_letters()->set_hard_max_bytes(64 * kMiB);
  config.mutable_dead_letters()->set_segment_bytes(4 * kMiB);
  config.mutable_mqtt()->set_enabled(true);
  config.mutable_mqtt()->set_broker("tcp://127.0.0.1:1883");
  config.mutable_mqtt()->set_protocol_version(5);
  config.mutable_mqtt()->mutable_keep_alive()->set_seconds(30);
  config.mutable_mqtt()->mutable_session_expiry()->set_seconds(7 * 24 * 3600);
  config.mutable_coap()->set_enabled(true);
  config.mutable_coap()->set_listen("127.0.0.1:5683");
  config.mutable_coap()->set_max_idle_sessions(64);
  config.set_instance_id("ingress-1");
  config.set_max_subscriptions(100);
  return config;
}

absl::Status ValidateConfig(const config::v1::IngressConfig& config) {
  if (config.data_dir().empty()) return InvalidField("data_dir", "must not be empty");
  return First(
      {OneOf(config.log().level(), {"trace", "debug", "info", "warn", "error"}, "log.level"),
       OneOf(config.log().format(), {"text", "json"}, "log.format"),
       ValidateLoopback(config.grpc().listen(), "grpc.listen"),
       InRange(config.grpc().max_streams(), 1, 1000, "grpc.max_streams"),
       InRange(config.grpc().max_message_bytes(), 64 * kKiB, 64 * kMiB, "grpc.max_message_bytes"),
       config.metrics().listen().empty()
           ? absl::OkStatus()
           : ValidateLoopback(config.metrics().listen(), "metrics.listen"),
       ValidateAddress(config.registry().address(), "registry.address"),
       ValidateJournal(config.journal(), "journal"),
       ValidateJournal(config.dead_letters(), "dead_letters"), ValidateMqtt(config.mqtt()),
       ValidateCoap(config.coap()), ValidateId(config.instance_id(), "instance_id"),
       InRange(config.max_subscriptions(), 1, 10'000, "max_subscriptions")});
}

bool AutoRegister(const config::v1::IngressConfig& config) {
  if (config.has_auto_register()) return config.auto_register();
  return IsLoopback(config.grpc().listen()) &&
         (!config.coap().enabled() || IsLoopback(config.coap().listen()));
}

}  // namespace sluice::ingress
