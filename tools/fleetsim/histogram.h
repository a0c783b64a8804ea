#ifndef SLUICE_TOOLS_FLEETSIM_HISTOGRAM_H_
#define SLUICE_TOOLS_FLEETSIM_HISTOGRAM_H_

#include <array>
#include <cstdint>

namespace sluice::fleetsim {

// Counts durations in buckets that grow with the value, so that every percentile is right to 1/64
// of itself and memory is fixed (22 KB). Not thread-safe.
class Histogram {
 public:
  // Below 0 counts as 0; more than 2^47 us counts as that.
  void Record(int64_t value_us);
  void Add(const Histogram& other);

  int64_t count() const { return count_; }
  int64_t max_us() const { return max_us_; }
  // The value that `percent` of the values (0 to 100) do not exceed; 0 if there are none.
  int64_t PercentileUs(double percent) const;

 private:
  static constexpr int kSubBucketBits = 6;
  static constexpr int kLinear = 1 << (kSubBucketBits + 1);
  static constexpr int kLargestBits = 47;
  static constexpr int kBuckets = kLinear + (kLargestBits - kSubBucketBits) * (1 << kSubBucketBits);

  static int BucketOf(int64_t value_us);
  static int64_t LargestIn(int bucket);

  std::array<int64_t, kBuckets> buckets_{};
  int64_t count_ = 0;
  int64_t max_us_ = 0;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_HISTOGRAM_H_
