#include "services/ingress/intake/device_rates.h"

#include <algorithm>

namespace sluice::ingress {
namespace {

constexpr absl::Duration kSweepInterval = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(1);

}  // namespace

DeviceRates::DeviceRates(double max_per_s, double burst)
    : max_per_s_(max_per_s),
      interval_(absl::Seconds(1 / max_per_s)),
      burst_(std::max(burst, 1.0) * interval_) {}

absl::Duration* DeviceRates::FullAt(absl::string_view device_id, absl::Duration uptime) {
  auto it = full_at_.find(device_id);
  if (it == full_at_.end()) {
    if (full_at_.size() >= kMaxDevices && uptime >= sweep_at_) {
      sweep_at_ = uptime + kSweepInterval;
      absl::erase_if(full_at_, [&](const auto& device) { return device.second <= uptime; });
    }
    if (full_at_.size() >= kMaxDevices) return nullptr;
    it = full_at_.emplace(device_id, uptime).first;
  }
  it->second = std::max(it->second, uptime);
  return &it->second;
}

// Each message takes the bucket's being full one interval further away.

absl::Duration DeviceRates::Count(absl::string_view device_id, absl::Duration uptime) {
  if (!limited()) return absl::ZeroDuration();
  absl::MutexLock lock(&mutex_);
  absl::Duration* const full_at = FullAt(device_id, uptime);
  if (full_at == nullptr) return absl::ZeroDuration();
  *full_at = std::min(*full_at + interval_, uptime + burst_ + kLongestPause);
  return std::max(*full_at - uptime - burst_, absl::ZeroDuration());
}

absl::Duration DeviceRates::TryCount(absl::string_view device_id, absl::Duration uptime) {
  if (!limited()) return absl::ZeroDuration();
  absl::MutexLock lock(&mutex_);
  absl::Duration* const full_at = FullAt(device_id, uptime);
  if (full_at == nullptr) return absl::ZeroDuration();
  const absl::Duration wait = *full_at + interval_ - uptime - burst_;
  if (wait > absl::ZeroDuration()) return wait;
  *full_at += interval_;
  return absl::ZeroDuration();
}

size_t DeviceRates::size() const {
  absl::MutexLock lock(&mutex_);
  return full_at_.size();
}

}  // namespace sluice::ingress
