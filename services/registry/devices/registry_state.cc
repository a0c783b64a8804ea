#include "services/registry/devices/registry_state.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::registry {

absl::StatusOr<std::unique_ptr<RegistryState>> RegistryState::Open(
    std::unique_ptr<RegistryStore> store, const Clock* clock) {
  std::unique_ptr<RegistryState> state(new RegistryState(std::move(store), clock));
  absl::Status status = state->store_->ForEachDevice(
      [&](absl::string_view id, absl::string_view bytes, int64_t last_seen_us) {
        return state->table_.Load(id, bytes, last_seen_us);
      });
  if (!status.ok()) return status;

  std::vector<StoredRequest> requests;
  StoreChanges expired;
  const absl::Time now = clock->Now();
  status = state->store_->ForEachRequest([&](const StoredRequest& request) {
    if (now - absl::FromUnixMicros(request.time_us) > RequestMemory::kKeep) {
      expired.delete_requests.push_back(request.key);
    } else {
      requests.push_back(request);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::sort(requests.begin(), requests.end(),
            [](const auto& a, const auto& b) { return a.time_us < b.time_us; });
  for (const StoredRequest& request : requests) state->requests_.Remember(request);
  status = state->store_->Write(expired, RegistryStore::Durability::kBuffered);
  if (!status.ok()) return status;
  return state;
}

absl::Status RegistryState::Commit(const std::vector<v1::Device>& devices, StoreChanges changes) {
  changes.put_devices.clear();
  for (const v1::Device& device : devices) {
    changes.put_devices.push_back(DeviceTable::ToStored(device));
  }
  const absl::Status status = store_->Write(changes, RegistryStore::Durability::kSynced);
  if (!status.ok()) return status;
  for (size_t i = 0; i < devices.size(); ++i) {
    table_.Put(devices[i], std::move(changes.put_devices[i]));
    feed_.Publish(devices[i].id());
  }
  for (const std::string& id : changes.delete_devices) {
    table_.Erase(id);
    feed_.Publish(id);
  }
  for (const StoredRequest& request : changes.put_requests) requests_.Remember(request);
  return absl::OkStatus();
}

}  // namespace sluice::registry
