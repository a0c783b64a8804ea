#include "services/ingress/ring/device_rates.h"

#include <algorithm>

namespace sluice::ingress {
namespace {

constexpr absl::Duration kBurst = absl::Seconds(2);
constexpr absl::Duration kSweepInterval = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(1);

}  // namespace

absl::Duration DeviceRates::Count(absl::string_view device_id, absl::Duration uptime) {
  if (!limited()) return absl::ZeroDuration();
  auto it = full_at_.find(device_id);
  if (it == full_at_.end()) {
    if (full_at_.size() >= kMaxDevices && uptime >= sweep_at_) {
      sweep_at_ = uptime + kSweepInterval;
      absl::erase_if(full_at_, [&](const auto& device) { return device.second <= uptime; });
    }
    if (full_at_.size() >= kMaxDevices) return absl::ZeroDuration();
    it = full_at_.emplace(device_id, uptime).first;
  }
  // Each message takes the bucket's being full one interval further away.
  it->second = std::max(it->second, uptime) + absl::Seconds(1 / max_per_s_);
  it->second = std::min(it->second, uptime + kBurst + kLongestPause);
  return std::max(it->second - uptime - kBurst, absl::ZeroDuration());
}

}  // namespace sluice::ingress
