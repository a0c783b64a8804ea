#include "services/ingress/telemetry/telemetry_filter.h"

#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/status/field_violation.h"
#include "services/ingress/decoder/payload_decoder.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxEntries = 1000;

absl::Status CheckCount(int count, absl::string_view field) {
  if (count <= kMaxEntries) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat("holds ", count, "; at most ", kMaxEntries, " are allowed"));
}

}  // namespace

absl::StatusOr<TelemetryFilter> TelemetryFilter::Create(const v1::TelemetryFilter& filter) {
  absl::Status status = CheckCount(filter.device_ids_size(), "filter.device_ids");
  if (status.ok()) status = CheckCount(filter.metrics_size(), "filter.metrics");
  if (!status.ok()) return status;
  TelemetryFilter result;
  for (int i = 0; i < filter.device_ids_size(); ++i) {
    status = ValidateId(filter.device_ids(i), absl::StrCat("filter.device_ids[", i, "]"));
    if (!status.ok()) return status;
    result.device_ids_.insert(filter.device_ids(i));
  }
  for (int i = 0; i < filter.metrics_size(); ++i) {
    status = ValidateMetric(filter.metrics(i));
    if (!status.ok()) {
      return InvalidField(absl::StrCat("filter.metrics[", i, "]"), status.message());
    }
    result.metrics_.insert(filter.metrics(i));
  }
  return result;
}

bool TelemetryFilter::Matches(const v1::Telemetry& telemetry) const {
  if (!device_ids_.empty() && !device_ids_.contains(telemetry.device_id())) return false;
  if (metrics_.empty()) return true;
  for (const v1::Reading& reading : telemetry.readings()) {
    if (metrics_.contains(reading.metric())) return true;
  }
  return false;
}

}  // namespace sluice::ingress
