#include "services/ingress/device_replica/device_replica.h"

#include "absl/strings/str_cat.h"
#include "sluice/state/v1/device_replica.pb.h"

namespace sluice::ingress {
namespace {

constexpr int kFormatVersion = 1;

}  // namespace

DeviceReplica::Standing DeviceReplica::Find(absl::string_view device_id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto it = devices_.find(device_id);
  if (it == devices_.end()) return Standing::kUnknown;
  return it->second.enabled ? Standing::kEnabled : Standing::kDisabled;
}

bool DeviceReplica::HasStatus(absl::string_view device_id, v1::DeviceStatus status,
                              absl::string_view status_message) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto it = devices_.find(device_id);
  return it != devices_.end() && it->second.status == status &&
         it->second.status_message == status_message;
}

void DeviceReplica::BeginSnapshot() {
  absl::MutexLock lock(&mutex_);
  ++snapshot_;
}

void DeviceReplica::Put(const v1::Device& device) {
  const bool enabled = !device.has_enabled() || device.enabled();
  absl::MutexLock lock(&mutex_);
  auto it = devices_.find(device.id());
  if (it == devices_.end()) {
    if (devices_.size() >= kMaxDevices) {
      ++dropped_;
      return;
    }
    it = devices_.emplace(device.id(), Entry()).first;
    ++version_;
  }
  Entry& entry = it->second;
  if (entry.enabled != enabled || entry.status != device.status() ||
      entry.status_message != device.status_message()) {
    entry.enabled = enabled;
    entry.status = device.status();
    entry.status_message = device.status_message();
    ++version_;
  }
  entry.snapshot = snapshot_;
}

void DeviceReplica::Remove(absl::string_view device_id) {
  absl::MutexLock lock(&mutex_);
  const auto it = devices_.find(device_id);
  if (it == devices_.end()) return;
  devices_.erase(it);
  ++version_;
}

void DeviceReplica::EndSnapshot() {
  absl::MutexLock lock(&mutex_);
  for (auto it = devices_.begin(); it != devices_.end();) {
    if (it->second.snapshot == snapshot_) {
      ++it;
      continue;
    }
    devices_.erase(it++);
    ++version_;
  }
}

std::string DeviceReplica::Serialize() const {
  state::v1::DeviceReplica content;
  content.set_format_version(kFormatVersion);
  {
    absl::ReaderMutexLock lock(&mutex_);
    content.mutable_devices()->Reserve(static_cast<int>(devices_.size()));
    for (const auto& [id, entry] : devices_) {
      auto* device = content.add_devices();
      device->set_id(id);
      device->set_disabled(!entry.enabled);
      device->set_status(entry.status);
      device->set_status_message(entry.status_message);
    }
  }
  return content.SerializeAsString();
}

absl::Status DeviceReplica::Restore(absl::string_view content) {
  state::v1::DeviceReplica parsed;
  if (!parsed.ParseFromArray(content.data(), static_cast<int>(content.size())) ||
      parsed.format_version() < 1) {
    return absl::InvalidArgumentError("is not a device replica");
  }
  if (parsed.format_version() > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "is of format ", parsed.format_version(), "; this program knows up to ", kFormatVersion));
  }
  absl::MutexLock lock(&mutex_);
  for (const auto& device : parsed.devices()) {
    if (devices_.size() >= kMaxDevices) break;
    Entry entry;
    entry.enabled = !device.disabled();
    entry.status = device.status();
    entry.status_message = device.status_message();
    entry.snapshot = snapshot_;
    devices_.emplace(device.id(), std::move(entry));
  }
  return absl::OkStatus();
}

int64_t DeviceReplica::version() const {
  absl::ReaderMutexLock lock(&mutex_);
  return version_;
}

size_t DeviceReplica::size() const {
  absl::ReaderMutexLock lock(&mutex_);
  return devices_.size();
}

int64_t DeviceReplica::dropped() const {
  absl::ReaderMutexLock lock(&mutex_);
  return dropped_;
}

}  // namespace sluice::ingress
