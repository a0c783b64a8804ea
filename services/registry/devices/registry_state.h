#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_REGISTRY_STATE_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_REGISTRY_STATE_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/clock/clock.h"
#include "services/registry/devices/change_feed.h"
#include "services/registry/devices/device_table.h"
#include "services/registry/store/key_locks.h"
#include "services/registry/store/registry_store.h"
#include "services/registry/store/request_memory.h"
#include "sluice/v1/device.pb.h"

namespace sluice::registry {

// What the directory, presence and the commands share: the store, its working copy, and the rule of
// every write: lock the devices' ids, decide from the working copy, write with fsync, and only then
// take it over in the working copy and tell the watchers. So nobody sees what could still be lost.
class RegistryState {
 public:
  // Watchers may fall this many changes behind.
  static constexpr size_t kMaxPendingChanges = 10'000;
  // request_ids remembered at the most.
  static constexpr size_t kMaxRequests = 100'000;

  // Reads everything that `store` holds. `clock` must outlive it. DATA_LOSS: a damaged device.
  static absl::StatusOr<std::unique_ptr<RegistryState>> Open(std::unique_ptr<RegistryStore> store,
                                                             const Clock* clock);

  const Clock& clock() const { return *clock_; }
  RegistryStore& store() { return *store_; }
  KeyLocks& locks() { return locks_; }
  DeviceTable& table() { return table_; }
  ChangeFeed& feed() { return feed_; }
  RequestMemory& requests() { return requests_; }

  // Writes `devices` and what `changes` holds besides in one synced write; then it is so in the
  // table, the request memory and for the watchers. The caller holds the locks of all ids. On an
  // error nothing has changed in memory.
  absl::Status Commit(const std::vector<v1::Device>& devices, StoreChanges changes);

 private:
  RegistryState(std::unique_ptr<RegistryStore> store, const Clock* clock)
      : clock_(clock), store_(std::move(store)) {}

  const Clock* const clock_;
  const std::unique_ptr<RegistryStore> store_;
  KeyLocks locks_;
  DeviceTable table_;
  ChangeFeed feed_{kMaxPendingChanges};
  RequestMemory requests_{kMaxRequests};
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_REGISTRY_STATE_H_
