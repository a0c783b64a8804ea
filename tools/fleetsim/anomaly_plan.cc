#include "tools/fleetsim/anomaly_plan.h"

#include <algorithm>

namespace sluice::fleetsim {
namespace {

constexpr double kAllDueAt = 0.9;

}  // namespace

AnomalyPlan::AnomalyPlan(int64_t count, int devices, uint64_t seed)
    : count_(count),
      devices_(std::max(1, devices)),
      random_(seed * 2 + 1),
      next_allowed_(std::max(1, devices), kWarmUpSamples) {}

bool AnomalyPlan::Plant(int device, int64_t number, double progress) {
  if (planted_ >= count_ || number < next_allowed_[device]) return false;
  if (begin_ < 0) begin_ = std::min(progress, kAllDueAt);
  const double share = progress >= kAllDueAt ? 1.0 : (progress - begin_) / (kAllDueAt - begin_);
  if (static_cast<double>(planted_) >= share * static_cast<double>(count_)) return false;
  if (progress < kAllDueAt && to_skip_ > 0) {
    --to_skip_;
    return false;
  }
  random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
  to_skip_ = static_cast<int64_t>((random_ >> 33) % devices_);
  next_allowed_[device] = number + kSpacingSamples;
  ++planted_;
  return true;
}

}  // namespace sluice::fleetsim
