#include "services/analytics/config.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/net/listen_address.h"
#include "libs/status/field_violation.h"

namespace sluice::analytics {
namespace {

constexpr int64_t kKiB = int64_t{1} << 10;
constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kGiB = int64_t{1} << 30;
constexpr int64_t kTiB = int64_t{1} << 40;

// Collects the first violation of any number of checks.
class Checks {
 public:
  void Range(absl::string_view field, int64_t value, int64_t low, int64_t high) {
    if (value >= low && value <= high) return;
    Fail(field, absl::StrCat("is ", value, "; must be ", low, " to ", high));
  }
  void Range(absl::string_view field, const google::protobuf::Duration& value, absl::Duration low,
             absl::Duration high) {
    const absl::Duration duration =
        absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
    if (duration >= low && duration <= high) return;
    Fail(field, absl::StrCat("is ", absl::FormatDuration(duration), "; must be ",
                             absl::FormatDuration(low), " to ", absl::FormatDuration(high)));
  }
  void That(bool holds, absl::string_view field, absl::string_view rule) {
    if (!holds) Fail(field, rule);
  }
  void Loopback(absl::string_view field, absl::string_view address) {
    status_.Update(ValidateLoopback(address, field));
  }

  const absl::Status& status() const { return status_; }

 private:
  void Fail(absl::string_view field, absl::string_view description) {
    status_.Update(InvalidField(field, description));
  }

  absl::Status status_;
};

bool IsHostAndPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 && port <= 65535;
}

void CheckJournal(const config::v1::Journal& journal, Checks* checks) {
  checks->Range("journal.max_bytes", journal.max_bytes(), kMiB, kTiB);
  checks->Range("journal.hard_max_bytes", journal.hard_max_bytes(), journal.max_bytes(), kTiB);
  checks->Range("journal.segment_bytes", journal.segment_bytes(), 64 * kKiB, kGiB);
  checks->That(journal.segment_bytes() <= journal.max_bytes() / 4, "journal.segment_bytes",
               "must be at most a quarter of journal.max_bytes");
  checks->Range("journal.sync_interval", journal.sync_interval(), absl::ZeroDuration(),
                absl::Seconds(10));
}

void CheckDetector(const config::v1::Detector& detector, Checks* checks) {
  checks->Range("detector.window_size_samples", detector.window_size_samples(), 2, 100'000);
  checks->That(std::isfinite(detector.threshold()) && detector.threshold() > 0,
               "detector.threshold",
               absl::StrCat("is ", detector.threshold(), "; must be a number above 0"));
  checks->Range("detector.warm_up_samples", detector.warm_up_samples(), 2,
                detector.window_size_samples());
}

}  // namespace

config::v1::AnalyticsConfig DefaultConfig() {
  config::v1::AnalyticsConfig config;
  config.set_data_dir(".sluice/analytics");
  config.mutable_log()->set_level("info");
  config.mutable_log()->set_format("text");
  config.mutable_grpc()->set_listen("127.0.0.1:7103");
  config.mutable_grpc()->set_max_streams(64);
  config.mutable_grpc()->set_max_message_bytes(4 * kMiB);
  config.mutable_metrics()->set_listen("127.0.0.1:9103");
  config.mutable_ingress()->set_address("127.0.0.1:7101");
  config.mutable_journal()->set_max_bytes(128 * kMiB);
  config.mutable_journal()->set_hard_max_bytes(256 * kMiB);
  config.mutable_journal()->set_segment_bytes(4 * kMiB);
  config.mutable_detector()->set_window_size_samples(100);
  config.mutable_detector()->set_threshold(3.0);
  config.mutable_detector()->set_warm_up_samples(30);
  config.set_max_series(50'000);
  config.mutable_checkpoint_interval()->set_seconds(10);
  config.set_max_subscriptions(100);
  return config;
}

absl::Status ValidateConfig(const config::v1::AnalyticsConfig& config) {
  Checks checks;
  checks.That(!config.data_dir().empty(), "data_dir", "must not be empty");
  const std::string& level = config.log().level();
  checks.That(level == "trace" || level == "debug" || level == "info" || level == "warn" ||
                  level == "error",
              "log.level",
              absl::StrCat("is '", level, "'; must be one of trace, debug, info, warn, error"));
  const std::string& format = config.log().format();
  checks.That(format == "text" || format == "json", "log.format",
              absl::StrCat("is '", format, "'; must be text or json"));
  checks.Loopback("grpc.listen", config.grpc().listen());
  checks.Range("grpc.max_streams", config.grpc().max_streams(), 1, 1000);
  checks.Range("grpc.max_message_bytes", config.grpc().max_message_bytes(), 64 * kKiB, 64 * kMiB);
  if (!config.metrics().listen().empty()) {
    checks.Loopback("metrics.listen", config.metrics().listen());
  }
  checks.That(IsHostAndPort(config.ingress().address()), "ingress.address",
              absl::StrCat("is '", config.ingress().address(),
                           "'; must be HOST:PORT, the port 1 to 65535"));
  CheckJournal(config.journal(), &checks);
  CheckDetector(config.detector(), &checks);
  checks.Range("max_series", config.max_series(), 1, 1'000'000);
  checks.Range("checkpoint_interval", config.checkpoint_interval(), absl::Seconds(1),
               absl::Hours(1));
  checks.Range("max_subscriptions", config.max_subscriptions(), 1, 10'000);
  return checks.status();
}

}  // namespace sluice::analytics
