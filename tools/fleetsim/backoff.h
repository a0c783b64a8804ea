#ifndef SLUICE_TOOLS_FLEETSIM_BACKOFF_H_
#define SLUICE_TOOLS_FLEETSIM_BACKOFF_H_

#include <cstdint>

namespace sluice::fleetsim {

// How long to wait before the next try: about 0.2 s at first, twice as long after each failure, at
// most about 5 s; always with jitter of ± a half, so that a fleet does not come back in one wave.
// Not thread-safe.
class Backoff {
 public:
  explicit Backoff(uint64_t seed) : random_(seed * 2 + 1) {}

  // The next wait.
  int64_t NextUs();
  // It worked: the next wait is a short one again.
  void Reset() { base_us_ = kFirstUs; }

 private:
  static constexpr int64_t kFirstUs = 200'000;
  static constexpr int64_t kLargestUs = 5'000'000;

  uint64_t random_;
  int64_t base_us_ = kFirstUs;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_BACKOFF_H_
