#ifndef SLUICE_LIBS_BACKOFF_BACKOFF_H_
#define SLUICE_LIBS_BACKOFF_BACKOFF_H_

#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace sluice {

// How long to wait before each next try: `first` at most, then about twice as long each time, never
// longer than `longest`; each wait is cut by up to a half at random, so that many who failed
// together do not come back together. Not thread-safe.
class Backoff {
 public:
  // 0 < first <= longest.
  Backoff(absl::Duration first, absl::Duration longest, uint64_t seed = std::random_device()())
      : first_(first), longest_(longest), random_(seed), ceiling_(first) {}

  // The wait before the next try.
  absl::Duration Next();

  // It worked: the next wait is a first one again.
  void Reset() { ceiling_ = first_; }

 private:
  const absl::Duration first_;
  const absl::Duration longest_;
  std::mt19937_64 random_;
  absl::Duration ceiling_;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_BACKOFF_BACKOFF_H_
