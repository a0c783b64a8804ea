#ifndef SLUICE_SERVICES_INGRESS_DEVICE_REPLICA_DEVICE_REPLICA_H_
#define SLUICE_SERVICES_INGRESS_DEVICE_REPLICA_DEVICE_REPLICA_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "sluice/v1/device.pb.h"

namespace sluice::ingress {

// What ingress knows of the registry's devices: enough to decide about a message without asking.
// Follows the registry's watch, and is written to disk and read back so that a start without the
// registry refuses no known device. Thread-safe; locks are held for a look-up only, but for
// Serialize, which copies everything.
class DeviceReplica {
 public:
  // Devices at most, as many as a registry may hold; one more is not kept, but counted.
  static constexpr size_t kMaxDevices = 10'000'000;

  enum class Standing { kUnknown, kDisabled, kEnabled };

  Standing Find(absl::string_view device_id) const;
  // Whether the device is known to have just this status.
  bool HasStatus(absl::string_view device_id, v1::DeviceStatus status,
                 absl::string_view status_message) const;

  // The watch: BeginSnapshot, Put for each device, EndSnapshot, then Put and Remove for each
  // change. A device that no Put named since BeginSnapshot goes at EndSnapshot, so a watch that
  // breaks off before takes nothing away.
  void BeginSnapshot();
  void Put(const v1::Device& device);
  void Remove(absl::string_view device_id);
  void EndSnapshot();

  // The content for a file, and back. Restore replaces nothing that is known already.
  // INVALID_ARGUMENT: not such a content. FAILED_PRECONDITION: of a newer format.
  std::string Serialize() const;
  absl::Status Restore(absl::string_view content);

  // Rises with every change of what Serialize returns.
  int64_t version() const;
  size_t size() const;
  // Devices that were not kept because kMaxDevices were there.
  int64_t dropped() const;

 private:
  struct Entry {
    bool enabled = true;
    v1::DeviceStatus status = v1::DEVICE_STATUS_UNKNOWN;
    std::string status_message;
    // The snapshot that named it last.
    int64_t snapshot = 0;
  };

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> devices_ ABSL_GUARDED_BY(mutex_);
  int64_t snapshot_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEVICE_REPLICA_DEVICE_REPLICA_H_
