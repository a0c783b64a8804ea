#ifndef SLUICE_SERVICES_REGISTRY_PRESENCE_PRESENCE_H_
#define SLUICE_SERVICES_REGISTRY_PRESENCE_PRESENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/registry/devices/registry_state.h"
#include "services/registry/presence/lease_table.h"
#include "sluice/v1/registry_service.pb.h"

namespace sluice::registry {

// Whether `sighting` changes the device's status or what it says about it; then `device` has it.
bool ApplySighting(const v1::Sighting& sighting, v1::Device* device);

// What ingress instances hear from devices: last_seen in memory, statuses on disk, and devices that
// nobody vouches for any more become UNKNOWN. Thread-safe.
//
// After a start the ONLINE devices are vouched for by nobody: those that no instance reports within
// kGraceAfterStart become UNKNOWN.
class Presence {
 public:
  static constexpr absl::Duration kGraceAfterStart = absl::Seconds(60);

  // `state` must outlive it.
  explicit Presence(RegistryState* state);

  // As sluice.v1.RegistryService.ReportPresence promises.
  absl::StatusOr<v1::ReportPresenceResponse> Report(const v1::ReportPresenceRequest& request);

  // Makes the devices of ended leases UNKNOWN. Call it a few times a second. After an error call
  // again: the rest is still to do.
  absl::Status EndLeases();

  // Writes every last_seen that moved since the last time.
  absl::Status WriteLastSeen(RegistryStore::Durability durability);

 private:
  absl::Status ApplySightings(const std::vector<const v1::Sighting*>& sightings);
  absl::Status MakeUnknown(int32_t lease);
  absl::Status TakeBack(int32_t lease, const std::vector<v1::Device>& made_unknown);

  RegistryState* const state_;
  LeaseTable leases_;
  absl::Mutex mutex_;
  // Ended leases whose devices are not all UNKNOWN yet.
  std::vector<int32_t> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_PRESENCE_PRESENCE_H_
