#include "tools/fleetsim/pacer.h"

#include <algorithm>

namespace sluice::fleetsim {
namespace {

constexpr double kCatchUpFactor = 2.0;
// A burst is at most what this time brings at the catch-up rate.
constexpr double kBurstUs = 20'000;
constexpr double kMaxBehindUs = 10'000'000;

}  // namespace

Pacer::Pacer(double rate_per_s, int64_t start_us)
    : rate_per_us_(rate_per_s / 1e6), start_us_(start_us), last_us_(start_us) {}

int64_t Pacer::Allowance(int64_t now_us) {
  const double catch_up_per_us = kCatchUpFactor * rate_per_us_;
  credit_ = std::min(credit_ + catch_up_per_us * (now_us - last_us_),
                     std::max(1.0, catch_up_per_us * kBurstUs));
  last_us_ = std::max(last_us_, now_us);

  // The first message is due at the start.
  const int64_t due = 1 + static_cast<int64_t>(rate_per_us_ * (now_us - start_us_));
  int64_t behind = due - sent_ - given_up_;
  const int64_t max_behind =
      std::max<int64_t>(1, static_cast<int64_t>(rate_per_us_ * kMaxBehindUs));
  if (behind > max_behind) {
    given_up_ += behind - max_behind;
    behind = max_behind;
  }
  return std::max<int64_t>(0, std::min(behind, static_cast<int64_t>(credit_)));
}

void Pacer::Sent(int64_t count) {
  sent_ += count;
  credit_ -= static_cast<double>(count);
}

}  // namespace sluice::fleetsim
