#include "services/ingress/intake/telemetry_rules.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/status/field_violation.h"
#include "services/ingress/decoder/payload_decoder.h"
#include "services/ingress/decoder/text.h"

namespace sluice::ingress {
namespace {

constexpr size_t kMaxMessageIdBytes = 128;
constexpr size_t kMaxUnitBytes = 32;
// google.protobuf.Timestamp: the years 1 to 9999.
constexpr int64_t kMinSeconds = -62'135'596'800;
constexpr int64_t kMaxSeconds = 253'402'300'799;

absl::Status TooLong(absl::string_view field, size_t size, size_t limit) {
  return InvalidField(field,
                      absl::StrCat("is ", size, " bytes long; at most ", limit, " are allowed"));
}

absl::Status ValidateReading(const v1::Reading& reading, const std::string& field) {
  if (const absl::Status status = ValidateMetric(reading.metric()); !status.ok()) {
    return InvalidField(absl::StrCat(field, ".metric"), status.message());
  }
  switch (reading.value_case()) {
    case v1::Reading::VALUE_NOT_SET:
      return InvalidField(absl::StrCat(field, ".value"), "is required");
    case v1::Reading::kDoubleValue:
      if (!std::isfinite(reading.double_value())) {
        return InvalidField(absl::StrCat(field, ".double_value"), "must be finite");
      }
      break;
    case v1::Reading::kStringValue:
      if (reading.string_value().size() > kMaxPayloadBytes) {
        return TooLong(absl::StrCat(field, ".string_value"), reading.string_value().size(),
                       kMaxPayloadBytes);
      }
      break;
    case v1::Reading::kBytesValue:
      if (reading.bytes_value().size() > kMaxPayloadBytes) {
        return TooLong(absl::StrCat(field, ".bytes_value"), reading.bytes_value().size(),
                       kMaxPayloadBytes);
      }
      break;
    case v1::Reading::kIntValue:
    case v1::Reading::kBoolValue:
      break;
  }
  if (reading.unit().size() > kMaxUnitBytes) {
    return TooLong(absl::StrCat(field, ".unit"), reading.unit().size(), kMaxUnitBytes);
  }
  const auto& time = reading.time();
  if (time.seconds() < kMinSeconds || time.seconds() > kMaxSeconds || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return InvalidField(absl::StrCat(field, ".time"), "is not a valid timestamp");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateMessageId(absl::string_view message_id) {
  if (message_id.size() > kMaxMessageIdBytes) {
    return TooLong("message_id", message_id.size(), kMaxMessageIdBytes);
  }
  if (ValidUtf8Prefix(message_id) < message_id.size()) {
    return InvalidField("message_id", "is not UTF-8");
  }
  return absl::OkStatus();
}

absl::Status ValidateTelemetry(const v1::Telemetry& telemetry) {
  if (absl::Status status = ValidateId(telemetry.device_id(), "device_id"); !status.ok()) {
    return status;
  }
  if (!telemetry.via().empty()) {
    if (absl::Status status = ValidateId(telemetry.via(), "via"); !status.ok()) return status;
  }
  if (absl::Status status = ValidateMessageId(telemetry.message_id()); !status.ok()) return status;
  const int count = telemetry.readings_size();
  if (count == 0 || count > kMaxReadings) {
    return InvalidField("readings", absl::StrCat("holds ", count, "; must be 1 to ", kMaxReadings));
  }
  for (int i = 0; i < count; ++i) {
    const absl::Status status =
        ValidateReading(telemetry.readings(i), absl::StrCat("readings[", i, "]"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice::ingress
