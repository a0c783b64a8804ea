#include "services/registry/config.h"

#include "absl/time/time.h"
#include "libs/config/settings_check.h"

namespace sluice::registry {

config::v1::RegistryConfig DefaultConfig() {
  config::v1::RegistryConfig config;
  config.set_data_dir(".sluice/registry");
  *config.mutable_log() = DefaultLog();
  *config.mutable_grpc() = DefaultGrpc("127.0.0.1:7102");
  config.mutable_metrics()->set_listen("127.0.0.1:9102");
  config.set_max_devices(200'000);
  config.mutable_last_seen_interval()->set_seconds(60);
  return config;
}

absl::Status ValidateConfig(const config::v1::RegistryConfig& config) {
  SettingsCheck check;
  check.That(!config.data_dir().empty(), "data_dir", "must not be empty");
  check.Log(config.log());
  check.Grpc(config.grpc());
  check.Metrics(config.metrics());
  check.Range("max_devices", config.max_devices(), 1, 10'000'000);
  check.Range("last_seen_interval", config.last_seen_interval(), absl::Seconds(1), absl::Hours(1));
  return check.status();
}

}  // namespace sluice::registry
