#include "libs/config/settings_check.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/net/listen_address.h"
#include "libs/proto_time/proto_time.h"
#include "libs/status/field_violation.h"

namespace sluice {

config::v1::Log DefaultLog() {
  config::v1::Log log;
  log.set_level("info");
  log.set_format("text");
  return log;
}

config::v1::Grpc DefaultGrpc(absl::string_view listen) {
  config::v1::Grpc grpc;
  grpc.set_listen(std::string(listen));
  grpc.set_max_streams(64);
  grpc.set_max_message_bytes(4 * kMiB);
  return grpc;
}

config::v1::Journal DefaultJournal(int64_t max_bytes, int64_t hard_max_bytes,
                                   int64_t segment_bytes) {
  config::v1::Journal journal;
  journal.set_max_bytes(max_bytes);
  journal.set_hard_max_bytes(hard_max_bytes);
  journal.set_segment_bytes(segment_bytes);
  journal.set_when_full(kRejectNew);
  journal.set_min_free_bytes(64 * kMiB);
  return journal;
}

void SettingsCheck::That(bool holds, absl::string_view field, absl::string_view rule) {
  if (!holds) Add(InvalidField(field, rule));
}

void SettingsCheck::Range(absl::string_view field, int64_t value, int64_t low, int64_t high) {
  That(value >= low && value <= high, field,
       absl::StrCat("is ", value, "; must be ", low, " to ", high));
}

void SettingsCheck::Range(absl::string_view field, const google::protobuf::Duration& value,
                          absl::Duration low, absl::Duration high) {
  const absl::Duration duration = FromProto(value);
  That(duration >= low && duration <= high, field,
       absl::StrCat("is ", absl::FormatDuration(duration), "; must be ", absl::FormatDuration(low),
                    " to ", absl::FormatDuration(high)));
}

void SettingsCheck::OneOf(absl::string_view field, absl::string_view value,
                          std::initializer_list<absl::string_view> allowed) {
  std::string list;
  for (const absl::string_view each : allowed) {
    if (value == each) return;
    absl::StrAppend(&list, list.empty() ? "" : ", ", each);
  }
  That(false, field, absl::StrCat("is '", value, "'; must be one of ", list));
}

void SettingsCheck::Loopback(absl::string_view field, absl::string_view listen) {
  Add(ValidateLoopback(listen, field));
}

void SettingsCheck::Address(absl::string_view field, absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  const bool is_address = colon != absl::string_view::npos && colon > 0 &&
                          absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 &&
                          port <= 65535;
  That(is_address, field,
       absl::StrCat("is '", address, "'; must be HOST:PORT, the port 1 to 65535"));
}

void SettingsCheck::Log(const config::v1::Log& log) {
  OneOf("log.level", log.level(), {"trace", "debug", "info", "warn", "error"});
  OneOf("log.format", log.format(), {"text", "json"});
}

void SettingsCheck::Grpc(const config::v1::Grpc& grpc) {
  Loopback("grpc.listen", grpc.listen());
  Range("grpc.max_streams", grpc.max_streams(), 1, 1000);
  Range("grpc.max_message_bytes", grpc.max_message_bytes(), 64 * kKiB, 64 * kMiB);
}

void SettingsCheck::Metrics(const config::v1::Metrics& metrics) {
  if (!metrics.listen().empty()) Loopback("metrics.listen", metrics.listen());
}

void SettingsCheck::Journal(const std::string& field, const config::v1::Journal& journal) {
  Range(field + ".max_bytes", journal.max_bytes(), kMiB, kTiB);
  Range(field + ".hard_max_bytes", journal.hard_max_bytes(), kMiB, kTiB);
  That(journal.hard_max_bytes() >= journal.max_bytes(), field + ".hard_max_bytes",
       absl::StrCat("is ", journal.hard_max_bytes(), "; must not be less than ", field,
                    ".max_bytes, which is ", journal.max_bytes()));
  Range(field + ".segment_bytes", journal.segment_bytes(), 64 * kKiB, kGiB);
  That(journal.segment_bytes() <= journal.max_bytes() / 4, field + ".segment_bytes",
       absl::StrCat("is ", journal.segment_bytes(), "; must be at most a quarter of ", field,
                    ".max_bytes, which is ", journal.max_bytes()));
  Range(field + ".sync_interval", journal.sync_interval(), absl::ZeroDuration(), absl::Seconds(10));
  OneOf(field + ".when_full", journal.when_full(), {kRejectNew, kDropOldest});
  Range(field + ".min_free_bytes", journal.min_free_bytes(), 0, kTiB);
  if (journal.has_max_age()) {
    That(FromProto(journal.max_age()) >= absl::Minutes(1), field + ".max_age",
         "must be 1 min or more");
  }
}

}  // namespace sluice
