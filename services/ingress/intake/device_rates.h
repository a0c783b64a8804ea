#ifndef SLUICE_SERVICES_INGRESS_INTAKE_DEVICE_RATES_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_DEVICE_RATES_H_

#include <cstddef>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::ingress {

// How fast each device may send: a token bucket a device. Keeps kMaxDevices at the most: when there
// are so many, those whose buckets are full are forgotten; when so many send at once that none is,
// a further one is not limited. Thread-safe.
class DeviceRates {
 public:
  static constexpr size_t kMaxDevices = 200'000;

  // `max_per_s`: 0: no limit. `burst`: messages that a bucket holds, at least 1.
  DeviceRates(double max_per_s, double burst);

  bool limited() const { return max_per_s_ > 0; }

  // Counts a message that was taken in already, at `uptime`; returns for how long the device should
  // send nothing from then on: 0 while it keeps to its rate, a minute at the most.
  absl::Duration Count(absl::string_view device_id, absl::Duration uptime);
  // Counts a message if the device keeps to its rate with it, and returns 0; else counts nothing,
  // and returns after how long it would.
  absl::Duration TryCount(absl::string_view device_id, absl::Duration uptime);

  size_t size() const;

 private:
  // When the device's bucket is full again; null: there is no room for it.
  absl::Duration* FullAt(absl::string_view device_id, absl::Duration uptime)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const double max_per_s_;
  // What one message takes of a bucket, and what a bucket holds, as the time to fill it.
  const absl::Duration interval_;
  const absl::Duration burst_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, absl::Duration> full_at_ ABSL_GUARDED_BY(mutex_);
  absl::Duration sweep_at_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_DEVICE_RATES_H_
