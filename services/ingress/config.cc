#include "services/ingress/config.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "libs/config/settings_check.h"
#include "libs/device_id/device_id.h"
#include "libs/net/listen_address.h"

namespace sluice::ingress {
namespace {

void CheckMqtt(const config::v1::Mqtt& mqtt, SettingsCheck* check) {
  if (!mqtt.enabled()) return;
  absl::string_view broker = mqtt.broker();
  check->That(absl::ConsumePrefix(&broker, "tcp://"), "mqtt.broker",
              absl::StrCat("is '", mqtt.broker(), "'; must be tcp://HOST:PORT"));
  check->Address("mqtt.broker", broker);
  check->That(mqtt.protocol_version() == 3 || mqtt.protocol_version() == 5, "mqtt.protocol_version",
              absl::StrCat("is ", mqtt.protocol_version(), "; must be 3 or 5"));
  check->Range("mqtt.keep_alive", mqtt.keep_alive(), absl::Seconds(30), absl::Hours(1));
  // MQTT counts the seconds in 32 bits, and all ones mean "for ever".
  check->Range("mqtt.session_expiry", mqtt.session_expiry(), absl::Hours(7 * 24),
               absl::Seconds(UINT32_MAX - 1));
}

void CheckCoap(const config::v1::Coap& coap, SettingsCheck* check) {
  if (!coap.enabled()) return;
  check->Loopback("coap.listen", coap.listen());
  check->Range("coap.max_idle_sessions", coap.max_idle_sessions(), 1, 100'000);
}

bool IsLoopback(absl::string_view listen) { return ValidateLoopback(listen, "listen").ok(); }

}  // namespace

config::v1::IngressConfig DefaultConfig() {
  config::v1::IngressConfig config;
  config.set_data_dir(".sluice/ingress");
  *config.mutable_log() = DefaultLog();
  *config.mutable_grpc() = DefaultGrpc("127.0.0.1:7101");
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
  SettingsCheck check;
  check.That(!config.data_dir().empty(), "data_dir", "must not be empty");
  check.Log(config.log());
  check.Grpc(config.grpc());
  check.Metrics(config.metrics());
  check.Address("registry.address", config.registry().address());
  check.Journal("journal", config.journal());
  check.Journal("dead_letters", config.dead_letters());
  CheckMqtt(config.mqtt(), &check);
  CheckCoap(config.coap(), &check);
  check.Add(ValidateId(config.instance_id(), "instance_id"));
  check.Range("max_subscriptions", config.max_subscriptions(), 1, 10'000);
  return check.status();
}

bool AutoRegister(const config::v1::IngressConfig& config) {
  if (config.has_auto_register()) return config.auto_register();
  return IsLoopback(config.grpc().listen()) &&
         (!config.coap().enabled() || IsLoopback(config.coap().listen()));
}

}  // namespace sluice::ingress
