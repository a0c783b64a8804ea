#ifndef SLUICE_SERVICES_INGRESS_RING_DEVICE_RATES_H_
#define SLUICE_SERVICES_INGRESS_RING_DEVICE_RATES_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice::ingress {

// How fast each device may send: a token bucket a device, which holds what it may send in two
// seconds. Keeps kMaxDevices at the most; when so many send at once that none of their buckets is
// full, a further one is not limited. One thread.
class DeviceRates {
 public:
  static constexpr size_t kMaxDevices = 200'000;

  // 0: no limit.
  explicit DeviceRates(double max_per_s) : max_per_s_(max_per_s) {}

  bool limited() const { return max_per_s_ > 0; }
  // Counts a message that came at `uptime`; returns for how long the device should send nothing
  // from then on: 0 while it keeps to its rate, a minute at the most.
  absl::Duration Count(absl::string_view device_id, absl::Duration uptime);

  size_t size() const { return full_at_.size(); }

 private:
  const double max_per_s_;
  // When the device's bucket is full again.
  absl::flat_hash_map<std::string, absl::Duration> full_at_;
  absl::Duration sweep_at_ = absl::ZeroDuration();
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_RING_DEVICE_RATES_H_
