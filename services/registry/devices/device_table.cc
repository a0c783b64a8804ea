#include "services/registry/devices/device_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/registry/devices/device_rules.h"

namespace sluice::registry {
namespace {

DeviceTable::Flags FlagsOf(const v1::Device& device) {
  return {device.type_case(), device.status(), device.enabled()};
}

}  // namespace

StoredDevice DeviceTable::ToStored(const v1::Device& device) {
  v1::Device stored = device;
  stored.clear_last_seen();
  stored.clear_etag();
  return {device.id(), stored.SerializeAsString()};
}

v1::Device DeviceTable::ToDevice(const std::string& bytes, int64_t last_seen_us) {
  v1::Device device;
  device.ParseFromString(bytes);
  device.set_etag(EtagOf(device));
  if (last_seen_us > 0) SetMicros(last_seen_us, device.mutable_last_seen());
  return device;
}

absl::Status DeviceTable::Load(absl::string_view id, absl::string_view bytes,
                               int64_t last_seen_us) {
  v1::Device device;
  if (!device.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || device.id() != id ||
      !v1::DeviceStatus_IsValid(device.status())) {
    return absl::DataLossError(absl::StrCat("the device '", id, "' is damaged on disk"));
  }
  Row row;
  row.bytes = std::string(bytes);
  row.last_seen_us = last_seen_us;
  row.flags = FlagsOf(device);
  absl::MutexLock lock(&mutex_);
  ++by_status_[row.flags.status];
  rows_.insert_or_assign(rows_.end(), std::string(id), std::move(row));
  return absl::OkStatus();
}

void DeviceTable::Put(const v1::Device& device, StoredDevice stored) {
  absl::MutexLock lock(&mutex_);
  const auto [it, is_new] = rows_.try_emplace(std::move(stored.id));
  Row& row = it->second;
  if (!is_new) --by_status_[row.flags.status];
  row.bytes = std::move(stored.bytes);
  row.bytes.shrink_to_fit();
  row.flags = FlagsOf(device);
  ++by_status_[row.flags.status];
}

void DeviceTable::Erase(absl::string_view id) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(id);
  if (found == rows_.end()) return;
  --by_status_[found->second.flags.status];
  rows_.erase(found);
}

absl::optional<v1::Device> DeviceTable::Find(absl::string_view id) const {
  std::string bytes;
  int64_t last_seen_us = 0;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = rows_.find(id);
    if (found == rows_.end()) return absl::nullopt;
    bytes = found->second.bytes;
    last_seen_us = found->second.last_seen_us;
  }
  return ToDevice(bytes, last_seen_us);
}

bool DeviceTable::Contains(absl::string_view id) const {
  absl::MutexLock lock(&mutex_);
  return rows_.contains(id);
}

DeviceTable::Chunk DeviceTable::Scan(absl::string_view after_id, int max_rows,
                                     const std::function<bool(const Flags&)>& accept) const {
  Chunk chunk;
  std::vector<std::pair<std::string, int64_t>> accepted;
  {
    absl::MutexLock lock(&mutex_);
    auto it = rows_.upper_bound(after_id);
    for (int i = 0; i < max_rows && it != rows_.end(); ++i, ++it) {
      const Row& row = it->second;
      if (accept(row.flags)) accepted.emplace_back(row.bytes, row.last_seen_us);
      if (i == max_rows - 1) chunk.scanned_to = it->first;
    }
    chunk.at_end = it == rows_.end();
  }
  chunk.devices.reserve(accepted.size());
  for (const auto& [bytes, last_seen_us] : accepted) {
    chunk.devices.push_back(ToDevice(bytes, last_seen_us));
  }
  return chunk;
}

absl::optional<DeviceTable::Seen> DeviceTable::See(absl::string_view id, int64_t last_seen_us,
                                                   Instance instance) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(id);
  if (found == rows_.end()) return absl::nullopt;
  Row& row = found->second;
  row.instance = instance;
  Seen seen;
  seen.flags = row.flags;
  if (last_seen_us > row.last_seen_us) {
    row.last_seen_us = last_seen_us;
    row.last_seen_unwritten = true;
    seen.moved = true;
  }
  return seen;
}

void DeviceTable::AssignOnline(Instance instance) {
  absl::MutexLock lock(&mutex_);
  for (auto& [id, row] : rows_) {
    if (row.flags.status == v1::DEVICE_STATUS_ONLINE) row.instance = instance;
  }
}

std::vector<std::string> DeviceTable::OnlineOf(Instance instance) const {
  std::vector<std::string> ids;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, row] : rows_) {
    if (row.instance == instance && row.flags.status == v1::DEVICE_STATUS_ONLINE) {
      ids.push_back(id);
    }
  }
  return ids;
}

DeviceTable::Instance DeviceTable::InstanceOf(absl::string_view id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(id);
  return found == rows_.end() ? kNoInstance : found->second.instance;
}

std::vector<std::string> DeviceTable::UnwrittenLastSeen(absl::string_view after_id, int max) const {
  std::vector<std::string> ids;
  absl::MutexLock lock(&mutex_);
  for (auto it = rows_.upper_bound(after_id);
       it != rows_.end() && static_cast<int>(ids.size()) < max; ++it) {
    if (it->second.last_seen_unwritten) ids.push_back(it->first);
  }
  return ids;
}

std::vector<StoredLastSeen> DeviceTable::TakeLastSeen(const std::vector<std::string>& ids) {
  std::vector<StoredLastSeen> last_seen;
  absl::MutexLock lock(&mutex_);
  for (const std::string& id : ids) {
    const auto found = rows_.find(id);
    if (found == rows_.end()) continue;
    found->second.last_seen_unwritten = false;
    last_seen.push_back({id, found->second.last_seen_us});
  }
  return last_seen;
}

void DeviceTable::MarkUnwritten(const std::vector<StoredLastSeen>& last_seen) {
  absl::MutexLock lock(&mutex_);
  for (const StoredLastSeen& seen : last_seen) {
    const auto found = rows_.find(seen.id);
    if (found != rows_.end()) found->second.last_seen_unwritten = true;
  }
}

int64_t DeviceTable::size() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(rows_.size());
}

std::array<int64_t, v1::DeviceStatus_ARRAYSIZE> DeviceTable::CountByStatus() const {
  absl::MutexLock lock(&mutex_);
  return by_status_;
}

}  // namespace sluice::registry
