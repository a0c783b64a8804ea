#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_TABLE_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_TABLE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "services/registry/store/registry_store.h"
#include "sluice/v1/device.pb.h"

namespace sluice::registry {

// The working copy of all devices, in memory: every sighting touches a device and every list walks
// over them, while the store is made for what must survive. A device is held as its serialized
// bytes beside the few fields that are asked for often, because as a message it would take several
// times the memory.
//
// Knows what the store holds and, beyond it, last_seen as of now and which ingress instance vouches
// for the device. Thread-safe: one mutex, held for copying only. Bounded by whoever creates
// devices.
class DeviceTable {
 public:
  // What is known without parsing a device.
  struct Flags {
    v1::Device::TypeCase type = v1::Device::TYPE_NOT_SET;
    v1::DeviceStatus status = v1::DEVICE_STATUS_UNSPECIFIED;
    bool enabled = false;
  };

  // Number of an ingress instance; nobody vouches for a device of kNoInstance.
  using Instance = int32_t;
  static constexpr Instance kNoInstance = 0;

  // A device as the store keeps it: without last_seen and etag.
  static StoredDevice ToStored(const v1::Device& device);

  // Adds a device as the store had it. DATA_LOSS if its bytes are damaged. For the start.
  absl::Status Load(absl::string_view id, absl::string_view bytes, int64_t last_seen_us);

  // Adds the device, or replaces it and keeps its last_seen and instance.
  void Put(const v1::Device& device, StoredDevice stored);
  void Erase(absl::string_view id);

  // The device with its etag and last_seen; nothing if there is none.
  absl::optional<v1::Device> Find(absl::string_view id) const;
  bool Contains(absl::string_view id) const;

  // A part of the devices, in order of their ids.
  struct Chunk {
    std::vector<v1::Device> devices;
    // Where the next chunk starts after.
    std::string scanned_to;
    bool at_end = false;
  };
  // Looks at the `max_rows` devices after `after_id` and returns those that `accept` takes.
  Chunk Scan(absl::string_view after_id, int max_rows,
             const std::function<bool(const Flags&)>& accept) const;

  // Notes that `instance` heard from (or of) the device: last_seen moves forward only; 0 leaves it.
  // Returns what is known of the device, and whether last_seen moved; nothing if there is no such
  // device.
  struct Seen {
    Flags flags;
    bool moved = false;
  };
  absl::optional<Seen> See(absl::string_view id, int64_t last_seen_us, Instance instance);

  // Makes `instance` vouch for every ONLINE device. For the start.
  void AssignOnline(Instance instance);
  // Ids of the ONLINE devices that `instance` vouches for.
  std::vector<std::string> OnlineOf(Instance instance) const;
  Instance InstanceOf(absl::string_view id) const;

  // Up to `max` ids after `after_id` whose last_seen is not in the store yet.
  std::vector<std::string> UnwrittenLastSeen(absl::string_view after_id, int max) const;
  // Their last_seen, taken for written from now on; MarkUnwritten takes that back.
  std::vector<StoredLastSeen> TakeLastSeen(const std::vector<std::string>& ids);
  void MarkUnwritten(const std::vector<StoredLastSeen>& last_seen);

  int64_t size() const;
  // Devices by the number of their status.
  std::array<int64_t, v1::DeviceStatus_ARRAYSIZE> CountByStatus() const;

 private:
  struct Row {
    std::string bytes;
    int64_t last_seen_us = 0;  // 0: never
    Instance instance = kNoInstance;
    Flags flags;
    bool last_seen_unwritten = false;
  };

  static v1::Device ToDevice(const std::string& bytes, int64_t last_seen_us);

  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, Row> rows_ ABSL_GUARDED_BY(mutex_);
  std::array<int64_t, v1::DeviceStatus_ARRAYSIZE> by_status_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_TABLE_H_
