#ifndef SLUICE_SERVICES_REGISTRY_PRESENCE_LEASE_TABLE_H_
#define SLUICE_SERVICES_REGISTRY_PRESENCE_LEASE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::registry {

// Which ingress instances vouch for devices, and until when. Each lease without a break has a
// number of its own that is never used again: what an ended lease vouched for can be told from what
// the same instance vouches for since. Times are Clock::Uptime. Thread-safe.
class LeaseTable {
 public:
  // Instances at the same time; one more is RESOURCE_EXHAUSTED.
  static constexpr size_t kMaxInstances = 1000;

  struct Lease {
    int32_t number = 0;  // above 0
    // It had ended, or was never there.
    bool was_lost = false;
  };

  // Renews the instance's lease until `now` + `duration`, or begins one.
  absl::StatusOr<Lease> Renew(absl::string_view instance, absl::Duration duration,
                              absl::Duration now);

  // A lease of nobody's until `now` + `duration`, which cannot be renewed.
  int32_t Begin(absl::Duration duration, absl::Duration now);

  // Numbers of the leases that have ended by `now`; each is returned once.
  std::vector<int32_t> TakeEnded(absl::Duration now);

  // Whether the lease has neither ended nor been replaced.
  bool Holds(int32_t number, absl::Duration now) const;

 private:
  struct Entry {
    int32_t number = 0;
    absl::Duration end;
  };

  mutable absl::Mutex mutex_;
  int32_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, Entry> by_instance_ ABSL_GUARDED_BY(mutex_);
  std::vector<Entry> unnamed_ ABSL_GUARDED_BY(mutex_);
  // Ended, found so by Renew, not taken yet.
  std::vector<int32_t> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_PRESENCE_LEASE_TABLE_H_
