#include "services/ingress/config.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "libs/config/settings_check.h"
#include "libs/device_id/device_id.h"
#include "libs/net/listen_address.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxBrokers = 16;
constexpr double kMaxDeviceRate = 1e6;

void CheckBroker(const std::string& field, const config::v1::MqttBroker& broker,
                 SettingsCheck* check) {
  absl::string_view address = broker.address();
  check->That(absl::ConsumePrefix(&address, "tcp://"), field + ".address",
              absl::StrCat("is '", broker.address(), "'; must be tcp://HOST:PORT"));
  check->Address(field + ".address", address);
  check->OneOf(field + ".source", broker.source(), {"plugin", "paho"});
  check->That(broker.source() != "plugin" || !broker.ring().empty(), field + ".ring",
              "must be given with source: plugin");
  const double rate = broker.max_device_messages_per_s();
  check->That(rate >= 0 && rate <= kMaxDeviceRate, field + ".max_device_messages_per_s",
              absl::StrCat("is ", rate, "; must be 0 (no limit) to ", kMaxDeviceRate));
  check->That(rate == 0 || broker.source() == "plugin", field + ".max_device_messages_per_s",
              "is for source: plugin alone");
  check->That(broker.protocol_version() == 3 || broker.protocol_version() == 5,
              field + ".protocol_version",
              absl::StrCat("is ", broker.protocol_version(), "; must be 3 or 5"));
  check->Range(field + ".keep_alive", broker.keep_alive(), absl::Seconds(30), absl::Hours(1));
  // MQTT counts the seconds in 32 bits, and all ones mean "for ever".
  check->Range(field + ".session_expiry", broker.session_expiry(), absl::Hours(7 * 24),
               absl::Seconds(UINT32_MAX - 1));
}

void CheckMqtt(const config::v1::Mqtt& mqtt, SettingsCheck* check) {
  if (!mqtt.enabled()) return;
  check->Range("mqtt.brokers", mqtt.brokers_size(), 1, kMaxBrokers);
  std::set<std::string> addresses;
  std::set<std::string> rings;
  for (int i = 0; i < mqtt.brokers_size(); ++i) {
    const std::string field = absl::StrCat("mqtt.brokers[", i, "]");
    const config::v1::MqttBroker broker = WithDefaults(mqtt.brokers(i));
    CheckBroker(field, broker, check);
    check->That(addresses.insert(broker.address()).second, field + ".address",
                absl::StrCat("is '", broker.address(), "' as that of another one"));
    check->That(broker.ring().empty() || rings.insert(broker.ring()).second, field + ".ring",
                absl::StrCat("is '", broker.ring(), "' as that of another one"));
  }
}

void CheckCoap(const config::v1::Coap& coap, SettingsCheck* check) {
  if (!coap.enabled()) return;
  check->Loopback("coap.listen", coap.listen());
  check->Range("coap.max_idle_sessions", coap.max_idle_sessions(), 1, 100'000);
}

void CheckAdmission(const config::v1::Admission& admission, SettingsCheck* check) {
  const double rate = admission.max_device_messages_per_s();
  check->That(rate >= 0 && rate <= kMaxDeviceRate, "admission.max_device_messages_per_s",
              absl::StrCat("is ", rate, "; must be 0 (no limit) to ", kMaxDeviceRate));
  check->Range("admission.device_burst_messages", admission.device_burst_messages(), 0,
               static_cast<int64_t>(kMaxDeviceRate));
  check->Range("admission.max_bytes_under_way", admission.max_bytes_under_way(), kMiB, 64 * kGiB);
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
  *config.mutable_journal() = DefaultJournal(kGiB, 2 * kGiB, 16 * kMiB);
  *config.mutable_dead_letters() = DefaultJournal(64 * kMiB, 64 * kMiB, 4 * kMiB);
  config.mutable_dead_letters()->set_when_full(kDropOldest);
  config.mutable_mqtt()->set_enabled(true);
  config::v1::MqttBroker* const broker = config.mutable_mqtt()->add_brokers();
  broker->set_address("tcp://127.0.0.1:1883");
  broker->set_source("plugin");
  broker->set_ring(".sluice/mosquitto/ring/mqtt.ring");
  config.mutable_coap()->set_enabled(true);
  config.mutable_coap()->set_listen("127.0.0.1:5683");
  config.mutable_coap()->set_max_idle_sessions(64);
  config.set_instance_id("ingress-1");
  config.set_max_subscriptions(100);
  config.mutable_admission()->set_max_bytes_under_way(64 * kMiB);
  config.mutable_message_ids()->set_max_messages(100'000);
  config.mutable_message_ids()->mutable_max_age()->set_seconds(3600);
  return config;
}

config::v1::MqttBroker WithDefaults(config::v1::MqttBroker broker) {
  if (broker.source().empty()) broker.set_source("paho");
  if (broker.protocol_version() == 0) broker.set_protocol_version(5);
  if (!broker.has_keep_alive()) broker.mutable_keep_alive()->set_seconds(30);
  if (!broker.has_session_expiry()) broker.mutable_session_expiry()->set_seconds(7 * 24 * 3600);
  return broker;
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
  CheckAdmission(config.admission(), &check);
  check.Range("message_ids.max_messages", config.message_ids().max_messages(), 0, 10'000'000);
  check.Range("message_ids.max_age", config.message_ids().max_age(), absl::Seconds(1),
              absl::Hours(24));
  return check.status();
}

double DeviceBurst(const config::v1::IngressConfig& config) {
  const config::v1::Admission& admission = config.admission();
  if (admission.device_burst_messages() > 0) {
    return static_cast<double>(admission.device_burst_messages());
  }
  return 2 * admission.max_device_messages_per_s();
}

bool AutoRegister(const config::v1::IngressConfig& config) {
  if (config.has_auto_register()) return config.auto_register();
  return IsLoopback(config.grpc().listen()) &&
         (!config.coap().enabled() || IsLoopback(config.coap().listen()));
}

}  // namespace sluice::ingress
