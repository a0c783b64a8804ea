#include "services/ingress/dead_letters/dead_letter_filter.h"

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"
#include "libs/status/field_violation.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxEntries = 1000;
// 1970-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
constexpr int64_t kLatestSeconds = 253402300799;
constexpr int32_t kNanosPerSecond = 1'000'000'000;

}  // namespace

absl::StatusOr<absl::Time> CheckedTime(const google::protobuf::Timestamp& time,
                                       absl::string_view field) {
  if (time.seconds() < 0 || time.seconds() > kLatestSeconds || time.nanos() < 0 ||
      time.nanos() >= kNanosPerSecond) {
    return InvalidField(field, "is no time of the years 1970 to 9999");
  }
  return FromProto(time);
}

absl::StatusOr<DeadLetterFilter> DeadLetterFilter::Create(const v1::DeadLetterFilter& filter) {
  DeadLetterFilter result;
  for (int i = 0; i < filter.reasons_size(); ++i) {
    if (filter.reasons(i) == v1::DEAD_LETTER_REASON_UNSPECIFIED ||
        !v1::DeadLetterReason_IsValid(filter.reasons(i))) {
      return InvalidField(absl::StrCat("filter.reasons[", i, "]"), "is no reason");
    }
    result.reasons_.insert(filter.reasons(i));
  }
  if (filter.device_ids_size() > kMaxEntries) {
    return InvalidField("filter.device_ids", absl::StrCat("holds ", filter.device_ids_size(),
                                                          "; at most ", kMaxEntries));
  }
  result.device_ids_.insert(filter.device_ids().begin(), filter.device_ids().end());
  if (filter.has_received_from()) {
    const auto time = CheckedTime(filter.received_from(), "filter.received_from");
    if (!time.ok()) return time.status();
    result.received_from_ = *time;
  }
  if (filter.has_received_before()) {
    const auto time = CheckedTime(filter.received_before(), "filter.received_before");
    if (!time.ok()) return time.status();
    result.received_before_ = *time;
  }
  return result;
}

bool DeadLetterFilter::Matches(const v1::DeadLetter& letter) const {
  if (!reasons_.empty() && !reasons_.contains(letter.reason())) return false;
  if (!device_ids_.empty() && !device_ids_.contains(letter.device_id())) return false;
  const absl::Time received = FromProto(letter.received_time());
  return received >= received_from_ && received < received_before_;
}

}  // namespace sluice::ingress
