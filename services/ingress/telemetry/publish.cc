#include "services/ingress/telemetry/publish.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"
#include "libs/status/retry_info.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxMessages = 1000;
// What a string takes beside its content.
constexpr size_t kStringBytes = 40;
constexpr absl::Duration kLookUp = absl::Milliseconds(100);
// What a caller is told to wait when nothing can be taken in now.
constexpr absl::Duration kRetryAfter = absl::Seconds(5);

}  // namespace

int64_t MemoryOf(const v1::PublishTelemetryRequest& request) {
  auto bytes = static_cast<int64_t>(request.ByteSizeLong());
  for (const v1::Telemetry& telemetry : request.telemetry()) {
    bytes += static_cast<int64_t>(sizeof(v1::Telemetry));
    bytes += telemetry.readings_size() * static_cast<int64_t>(sizeof(v1::Reading) + kStringBytes);
  }
  return bytes;
}

absl::StatusOr<v1::PublishTelemetryResponse> PublishAll(v1::PublishTelemetryRequest* request,
                                                        const Moment& received,
                                                        JournalIntake* intake, Receipt* last) {
  const int count = request->telemetry_size();
  if (count == 0 || count > kMaxMessages) {
    return InvalidField("telemetry",
                        absl::StrCat("holds ", count, "; must be 1 to ", kMaxMessages));
  }
  v1::PublishTelemetryResponse response;
  absl::Status not_now;
  for (v1::Telemetry& telemetry : *request->mutable_telemetry()) {
    auto* result = response.add_results();
    Verdict verdict;
    if (not_now.ok()) {
      verdict = intake->TakeDecoded(received, &telemetry);
    } else {
      verdict.status = not_now;
    }
    if (verdict.status.ok()) {
      result->set_offset(verdict.receipt.offset);
      *last = LaterOf(*last, verdict.receipt);
      continue;
    }
    result->set_code(static_cast<int>(CodeOf(verdict.status)));
    result->set_message(std::string(verdict.status.message()));
    if (verdict.reason != v1::DEAD_LETTER_REASON_UNSPECIFIED || verdict.over_rate) continue;
    if (response.results_size() == 1) return WithRetryInfo(verdict.status, kRetryAfter);
    not_now = verdict.status;
  }
  return response;
}

absl::Status AwaitDurable(const JournalIntake& intake, const Receipt& receipt,
                          const std::function<absl::Duration()>& remaining,
                          const std::function<bool()>& given_up) {
  if (remaining() > absl::ZeroDuration()) intake.SyncTo(receipt);
  while (true) {
    const absl::Duration left = remaining();
    if (intake.WaitDurable(receipt, std::clamp(left, absl::ZeroDuration(), kLookUp))) {
      return absl::OkStatus();
    }
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("not on disk in time; it may be later");
    }
    if (given_up()) return absl::CancelledError("the call ended before it was on disk");
  }
}

}  // namespace sluice::ingress
