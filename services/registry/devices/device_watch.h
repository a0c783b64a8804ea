#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_WATCH_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_WATCH_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/registry/devices/registry_state.h"
#include "sluice/v1/registry_service.pb.h"

namespace sluice::registry {

// What one WatchDevices stream says: the snapshot in order of the ids, what changed meanwhile,
// `synced`, then changes. It listens to changes from its construction on, so nothing falls between.
// Every message shows the device as it is when the message is made. One thread at a time.
class DeviceWatch {
 public:
  // `state` must outlive it.
  DeviceWatch(RegistryState* state, bool include_last_seen);

  // The next messages; waits for one, `timeout` at the most, once the snapshot is told. ABORTED:
  // the watcher fell too far behind.
  absl::StatusOr<std::vector<v1::WatchDevicesResponse>> Next(absl::Duration timeout);

 private:
  enum class Phase { kSnapshot, kCatchUp, kLive };

  std::vector<v1::WatchDevicesResponse> SnapshotChunk();
  v1::WatchDevicesResponse Current(const std::string& id) const;

  RegistryState* const state_;
  const std::unique_ptr<ChangeFeed::Watcher> watcher_;
  Phase phase_ = Phase::kSnapshot;
  std::string scanned_to_;
  // kCatchUp: changes that were waiting when the snapshot ended and are not told yet.
  size_t behind_ = 0;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_WATCH_H_
