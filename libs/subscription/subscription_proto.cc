#include "libs/subscription/subscription_proto.h"

#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"
#include "libs/status/field_violation.h"

namespace sluice {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
constexpr int64_t kEarliestSeconds = -62135596800;
constexpr int64_t kLatestSeconds = 253402300799;
constexpr int64_t kLongestSeconds = 315576000000;
constexpr int32_t kNanosPerSecond = 1'000'000'000;

v1::GapReason ReasonToProto(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return v1::GAP_REASON_RETENTION;
    case GapReason::kDropped:
      return v1::GAP_REASON_DROPPED;
    case GapReason::kCorruption:
      return v1::GAP_REASON_CORRUPTION;
    case GapReason::kUnknown:
      break;
  }
  return v1::GAP_REASON_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<StartPosition> StartFromProto(const v1::Start& start, absl::string_view field) {
  StartPosition position;
  switch (start.position_case()) {
    case v1::Start::kEarliest:
      position.kind = StartPosition::Kind::kEarliest;
      break;
    case v1::Start::kLatest:
      position.kind = StartPosition::Kind::kLatest;
      break;
    case v1::Start::kResume:
      position.kind = StartPosition::Kind::kResume;
      break;
    case v1::Start::kOffset:
      position.kind = StartPosition::Kind::kOffset;
      position.offset = start.offset();
      if (start.offset() < 0) {
        return InvalidField(absl::StrCat(field, ".offset"), "must not be negative");
      }
      break;
    case v1::Start::kTime: {
      position.kind = StartPosition::Kind::kTime;
      const auto& time = start.time();
      if (time.seconds() < kEarliestSeconds || time.seconds() > kLatestSeconds ||
          time.nanos() < 0 || time.nanos() >= kNanosPerSecond) {
        return InvalidField(absl::StrCat(field, ".time"), "is no time of the years 1 to 9999");
      }
      position.time = FromProto(time);
      break;
    }
    case v1::Start::POSITION_NOT_SET:
      break;
  }
  return position;
}

absl::StatusOr<absl::Duration> ExpireAfterFromProto(const v1::Subscription& subscription,
                                                    absl::string_view field) {
  if (!subscription.has_expire_after()) return absl::InfiniteDuration();
  const auto& duration = subscription.expire_after();
  if (duration.seconds() < 0 || duration.seconds() > kLongestSeconds || duration.nanos() < 0 ||
      duration.nanos() >= kNanosPerSecond) {
    return InvalidField(absl::StrCat(field, ".expire_after"),
                        "must be positive and at most 10,000 years");
  }
  return FromProto(duration);
}

v1::Subscription ToProto(const SubscriptionInfo& info) {
  v1::Subscription subscription;
  subscription.set_name(info.name);
  subscription.set_cursor(info.cursor);
  subscription.set_epoch(info.epoch);
  if (info.expire_after < absl::InfiniteDuration()) {
    *subscription.mutable_expire_after() = ToProto(info.expire_after);
  }
  *subscription.mutable_create_time() = ToProto(info.create_time);
  *subscription.mutable_last_used_time() = ToProto(info.last_used_time);
  subscription.set_lag_records(info.lag_records);
  subscription.set_connected(info.connected);
  subscription.set_lag_bytes(info.lag_bytes);
  if (info.oldest_time.has_value()) {
    *subscription.mutable_oldest_unacknowledged_time() = ToProto(*info.oldest_time);
  }
  return subscription;
}

void AddGaps(const std::vector<Gap>& gaps, google::protobuf::RepeatedPtrField<v1::Gap>* out) {
  for (const Gap& gap : gaps) {
    v1::Gap* const added = out->Add();
    added->set_from_offset(gap.from);
    added->set_to_offset(gap.to);
    added->set_reason(ReasonToProto(gap.reason));
    if (gap.reason != GapReason::kUnknown) added->set_count(gap.to - gap.from);
  }
}

}  // namespace sluice
