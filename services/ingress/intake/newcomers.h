#ifndef SLUICE_SERVICES_INGRESS_INTAKE_NEWCOMERS_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_NEWCOMERS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace sluice::ingress {

// Ids of devices that the registry does not know yet and that are to be registered there. Each id
// waits once. When kMaxWaiting wait, one more is not taken: the device's next message offers it
// again. Thread-safe.
class Newcomers {
 public:
  static constexpr size_t kMaxWaiting = 10'000;

  void Add(absl::string_view device_id);

  // Takes up to `max` ids out, the oldest first. Until Done, Add ignores them.
  std::vector<std::string> Take(size_t max);
  // They were dealt with, for good or ill.
  void Done(const std::vector<std::string>& device_ids);
  // They were not: they wait again, before all others.
  void GiveBack(const std::vector<std::string>& device_ids);

  size_t waiting() const;
  // Ids that were not taken because too many waited.
  int64_t dropped() const;

 private:
  mutable absl::Mutex mutex_;
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mutex_);
  // Those in queue_ and those taken out.
  absl::flat_hash_set<std::string> known_ ABSL_GUARDED_BY(mutex_);
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_NEWCOMERS_H_
