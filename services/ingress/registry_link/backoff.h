#ifndef SLUICE_SERVICES_INGRESS_REGISTRY_LINK_BACKOFF_H_
#define SLUICE_SERVICES_INGRESS_REGISTRY_LINK_BACKOFF_H_

#include <algorithm>

#include "absl/time/time.h"

namespace sluice::ingress {

// How long to wait before the next try: 100 ms after the first failure, twice as long after each
// further one, 2 s at most. One thread.
class Backoff {
 public:
  absl::Duration Next() {
    const absl::Duration delay = delay_;
    delay_ = std::min(delay_ * 2, kLongest);
    return delay;
  }
  void Reset() { delay_ = kFirst; }

 private:
  static constexpr absl::Duration kFirst = absl::Milliseconds(100);
  static constexpr absl::Duration kLongest = absl::Seconds(2);
  absl::Duration delay_ = kFirst;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_REGISTRY_LINK_BACKOFF_H_
