#include "services/ingress/intake/heard_devices.h"

#include <algorithm>
#include <utility>

namespace sluice::ingress {
namespace {

constexpr absl::Duration kSweepInterval = absl::Minutes(1);

}  // namespace

void HeardDevices::Heard(absl::string_view device_id, const Moment& received) {
  if (received.uptime == -absl::InfiniteDuration()) return;
  absl::MutexLock lock(&mutex_);
  const auto device = FindOrAdd(device_id);
  if (device == nullptr) return;
  Entry& entry = device->second;
  entry.heard_at = clock_->Uptime();
  if (received.uptime < entry.status_at || received.uptime < entry.seen_at) return;
  entry.seen_at = received.uptime;
  entry.last_seen = received.time;
  entry.alive = true;
  entry.waiting = true;
  Enlist(device);
}

void HeardDevices::StatusReported(absl::string_view device_id, absl::Duration received_uptime,
                                  int64_t report_offset) {
  absl::MutexLock lock(&mutex_);
  const auto device = FindOrAdd(device_id);
  if (device == nullptr) return;
  Entry& entry = device->second;
  entry.heard_at = clock_->Uptime();
  entry.status_at = std::max(entry.status_at, received_uptime);
  entry.report_offset = report_offset;
  entry.alive = false;
  entry.waiting = false;
}

std::vector<HeardDevices::Sighting> HeardDevices::Take(size_t max, int64_t forwarded_offset) {
  absl::MutexLock lock(&mutex_);
  std::vector<Sighting> taken;
  std::vector<Devices::pointer> rest;
  for (const auto device : waiting_) {
    Entry& entry = device->second;
    if (entry.waiting && (taken.size() >= max || entry.report_offset >= forwarded_offset)) {
      rest.push_back(device);
      continue;
    }
    if (entry.waiting) taken.push_back({device->first, entry.last_seen});
    entry.waiting = false;
    entry.listed = false;
  }
  waiting_.swap(rest);
  if (clock_->Uptime() - swept_at_ >= kSweepInterval) ForgetSilent();
  return taken;
}

void HeardDevices::GiveBack(const std::vector<Sighting>& sightings) {
  absl::MutexLock lock(&mutex_);
  for (const Sighting& sighting : sightings) {
    const auto it = devices_.find(sighting.device_id);
    if (it == devices_.end() || !it->second.alive) continue;
    it->second.waiting = true;
    Enlist(&*it);
  }
}

void HeardDevices::TellAgain() {
  absl::MutexLock lock(&mutex_);
  const absl::Duration now = clock_->Uptime();
  for (auto& device : devices_) {
    Entry& entry = device.second;
    if (!entry.alive || now - entry.heard_at > kLately) continue;
    entry.waiting = true;
    Enlist(&device);
  }
}

size_t HeardDevices::size() const {
  absl::MutexLock lock(&mutex_);
  return devices_.size();
}

int64_t HeardDevices::dropped() const {
  absl::MutexLock lock(&mutex_);
  return dropped_;
}

HeardDevices::Devices::pointer HeardDevices::FindOrAdd(absl::string_view device_id) {
  auto it = devices_.find(device_id);
  if (it == devices_.end()) {
    if (devices_.size() >= kMaxDevices) {
      ++dropped_;
      return nullptr;
    }
    it = devices_.emplace(std::string(device_id), Entry()).first;
  }
  return &*it;
}

void HeardDevices::Enlist(Devices::pointer device) {
  if (device->second.listed) return;
  device->second.listed = true;
  waiting_.push_back(device);
}

void HeardDevices::ForgetSilent() {
  const absl::Duration now = clock_->Uptime();
  swept_at_ = now;
  for (auto it = devices_.begin(); it != devices_.end();) {
    const Entry& entry = it->second;
    if (!entry.listed && now - entry.heard_at > kLately) {
      devices_.erase(it++);
    } else {
      ++it;
    }
  }
}

}  // namespace sluice::ingress
