#include "services/analytics/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/config/settings_check.h"

namespace sluice::analytics {
namespace {

void CheckDetector(const config::v1::Detector& detector, SettingsCheck* check) {
  check->Range("detector.window_size_samples", detector.window_size_samples(), 2, 100'000);
  check->That(std::isfinite(detector.threshold()) && detector.threshold() > 0, "detector.threshold",
              absl::StrCat("is ", detector.threshold(), "; must be a number above 0"));
  check->Range("detector.warm_up_samples", detector.warm_up_samples(), 2,
               detector.window_size_samples());
}

}  // namespace

config::v1::AnalyticsConfig DefaultConfig() {
  config::v1::AnalyticsConfig config;
  config.set_data_dir(".sluice/analytics");
  *config.mutable_log() = DefaultLog();
  *config.mutable_grpc() = DefaultGrpc("127.0.0.1:7103");
  config.mutable_metrics()->set_listen("127.0.0.1:9103");
  config.mutable_ingress()->set_address("127.0.0.1:7101");
  *config.mutable_journal() = DefaultJournal(128 * kMiB, 256 * kMiB, 4 * kMiB);
  config.mutable_journal()->set_when_full(kDropOldest);
  config.mutable_detector()->set_window_size_samples(100);
  config.mutable_detector()->set_threshold(3.0);
  config.mutable_detector()->set_warm_up_samples(30);
  config.set_max_series(50'000);
  config.mutable_checkpoint_interval()->set_seconds(10);
  config.set_max_subscriptions(100);
  return config;
}

absl::Status ValidateConfig(const config::v1::AnalyticsConfig& config) {
  SettingsCheck check;
  check.That(!config.data_dir().empty(), "data_dir", "must not be empty");
  check.Log(config.log());
  check.Grpc(config.grpc());
  check.Metrics(config.metrics());
  check.Address("ingress.address", config.ingress().address());
  check.Journal("journal", config.journal());
  CheckDetector(config.detector(), &check);
  check.Range("max_series", config.max_series(), 1, 1'000'000);
  check.Range("checkpoint_interval", config.checkpoint_interval(), absl::Seconds(1),
              absl::Hours(1));
  check.Range("max_subscriptions", config.max_subscriptions(), 1, 10'000);
  return check.status();
}

}  // namespace sluice::analytics
