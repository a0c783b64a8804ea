#include "services/registry/devices/device_watch.h"

#include <algorithm>
#include <utility>

namespace sluice::registry {
namespace {

constexpr size_t kMessagesAtOnce = 256;

}  // namespace

DeviceWatch::DeviceWatch(RegistryState* state, bool include_last_seen)
    : state_(state), watcher_(state->feed().Watch(include_last_seen)) {}

absl::StatusOr<std::vector<v1::WatchDevicesResponse>> DeviceWatch::Next(absl::Duration timeout) {
  size_t max = kMessagesAtOnce;
  if (phase_ == Phase::kSnapshot) {
    max = 0;  // only to learn whether it fell behind
  } else if (phase_ == Phase::kCatchUp) {
    max = std::min(behind_, kMessagesAtOnce);
  }
  const auto ids = watcher_->Next(max, phase_ == Phase::kLive ? timeout : absl::ZeroDuration());
  if (!ids.ok()) return ids.status();
  if (phase_ == Phase::kSnapshot) return SnapshotChunk();

  std::vector<v1::WatchDevicesResponse> messages;
  for (const std::string& id : *ids) messages.push_back(Current(id));
  if (phase_ == Phase::kCatchUp) {
    behind_ -= ids->size();
    if (behind_ == 0) {
      messages.emplace_back().set_synced(true);
      phase_ = Phase::kLive;
    }
  }
  return messages;
}

std::vector<v1::WatchDevicesResponse> DeviceWatch::SnapshotChunk() {
  DeviceTable::Chunk chunk = state_->table().Scan(scanned_to_, static_cast<int>(kMessagesAtOnce),
                                                  [](const auto&) { return true; });
  scanned_to_ = std::move(chunk.scanned_to);
  std::vector<v1::WatchDevicesResponse> messages;
  for (v1::Device& device : chunk.devices) {
    *messages.emplace_back().mutable_upserted() = std::move(device);
  }
  if (chunk.at_end) {
    phase_ = Phase::kCatchUp;
    behind_ = watcher_->pending();
  }
  return messages;
}

v1::WatchDevicesResponse DeviceWatch::Current(const std::string& id) const {
  v1::WatchDevicesResponse message;
  absl::optional<v1::Device> device = state_->table().Find(id);
  if (device.has_value()) {
    *message.mutable_upserted() = *std::move(device);
  } else {
    message.set_deleted_id(id);
  }
  return message;
}

}  // namespace sluice::registry
