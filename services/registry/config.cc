#include "services/registry/config.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/net/listen_address.h"
#include "libs/status/field_violation.h"

namespace sluice::registry {
namespace {

absl::Status InRange(int64_t value, int64_t low, int64_t high, absl::string_view field) {
  if (value >= low && value <= high) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("is ", value, "; must be ", low, " to ", high));
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

}  // namespace

config::v1::RegistryConfig DefaultConfig() {
  config::v1::RegistryConfig config;
  config.set_data_dir(".sluice/registry");
  config.mutable_log()->set_level("info");
  config.mutable_log()->set_format("text");
  config.mutable_grpc()->set_listen("127.0.0.1:7102");
  config.mutable_grpc()->set_max_streams(64);
  config.mutable_grpc()->set_max_message_bytes(4 << 20);
  config.mutable_metrics()->set_listen("127.0.0.1:9102");
  config.set_max_devices(200'000);
  config.mutable_last_seen_interval()->set_seconds(60);
  return config;
}

absl::Status ValidateConfig(const config::v1::RegistryConfig& config) {
  if (config.data_dir().empty()) return InvalidField("data_dir", "must not be empty");
  absl::Status status =
      OneOf(config.log().level(), {"trace", "debug", "info", "warn", "error"}, "log.level");
  if (!status.ok()) return status;
  status = OneOf(config.log().format(), {"text", "json"}, "log.format");
  if (!status.ok()) return status;
  status = ValidateLoopback(config.grpc().listen(), "grpc.listen");
  if (!status.ok()) return status;
  status = InRange(config.grpc().max_streams(), 1, 1000, "grpc.max_streams");
  if (!status.ok()) return status;
  status = InRange(config.grpc().max_message_bytes(), 64 << 10, 64 << 20, "grpc.max_message_bytes");
  if (!status.ok()) return status;
  if (!config.metrics().listen().empty()) {
    status = ValidateLoopback(config.metrics().listen(), "metrics.listen");
    if (!status.ok()) return status;
  }
  if (!(status = InRange(config.max_devices(), 1, 10'000'000, "max_devices")).ok()) return status;
  const auto& interval = config.last_seen_interval();
  const bool in_range =
      interval.seconds() >= 1 && interval.nanos() >= 0 &&
      (interval.seconds() < 3600 || (interval.seconds() == 3600 && interval.nanos() == 0));
  if (!in_range) return InvalidField("last_seen_interval", "must be 1s to 1h");
  return absl::OkStatus();
}

}  // namespace sluice::registry
