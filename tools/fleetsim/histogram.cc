#include "tools/fleetsim/histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice::fleetsim {

int Histogram::BucketOf(int64_t value_us) {
  if (value_us < kLinear) return static_cast<int>(value_us);
  const int exponent = 63 - __builtin_clzll(static_cast<uint64_t>(value_us));
  const int sub = static_cast<int>(value_us >> (exponent - kSubBucketBits)) - (1 << kSubBucketBits);
  return kLinear + ((exponent - kSubBucketBits - 1) << kSubBucketBits) + sub;
}

int64_t Histogram::LargestIn(int bucket) {
  if (bucket < kLinear) return bucket;
  const int shift = ((bucket - kLinear) >> kSubBucketBits) + 1;
  const int64_t sub = (bucket - kLinear) & ((1 << kSubBucketBits) - 1);
  return (((1 << kSubBucketBits) + sub + 1) << shift) - 1;
}

void Histogram::Record(int64_t value_us) {
  value_us = std::clamp<int64_t>(value_us, 0, (int64_t{1} << kLargestBits) - 1);
  ++buckets_[BucketOf(value_us)];
  ++count_;
  max_us_ = std::max(max_us_, value_us);
}

void Histogram::Add(const Histogram& other) {
  for (int i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_us_ = std::max(max_us_, other.max_us_);
}

int64_t Histogram::PercentileUs(double percent) const {
  if (count_ == 0) return 0;
  const double rank = std::ceil(std::clamp(percent, 0.0, 100.0) / 100.0 * count_);
  const int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(rank));
  int64_t seen = 0;
  for (int i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(LargestIn(i), max_us_);
  }
  return max_us_;
}

}  // namespace sluice::fleetsim
