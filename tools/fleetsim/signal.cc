#include "tools/fleetsim/signal.h"

#include <algorithm>
#include <cmath>

namespace sluice::fleetsim {
namespace {

constexpr int64_t kMaxThousandths = 999'999;

// SplitMix64's finalizer: spreads consecutive inputs over all 64 bits.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// In (0, 1].
double Unit(uint64_t bits) { return ((bits >> 11) + 1) * 0x1.0p-53; }

double Gaussian(uint64_t key) {
  const double radius = std::sqrt(-2.0 * std::log(Unit(Mix(key))));
  return radius * std::cos(2.0 * M_PI * Unit(Mix(key ^ 0x5851f42d4c957f2dull)));
}

}  // namespace

double Signal::Mean(int device) const {
  const uint64_t key = Mix(options_.seed) ^ Mix(~static_cast<uint64_t>(device));
  return options_.mean + options_.mean_spread * (2.0 * Unit(Mix(key)) - 1.0);
}

int64_t Signal::Thousandths(int device, int64_t number, bool anomaly) const {
  const uint64_t key =
      Mix(Mix(options_.seed) ^ static_cast<uint64_t>(device)) + static_cast<uint64_t>(number);
  double deviations = Gaussian(key);
  if (anomaly) deviations = options_.anomaly_deviations + std::fabs(deviations);
  const double value = Mean(device) + deviations * options_.standard_deviation;
  return std::clamp<int64_t>(std::llround(value * 1000.0), -kMaxThousandths, kMaxThousandths);
}

void AppendTagged(int64_t thousandths, int64_t tag, std::string* out) {
  char text[32];
  char* const end = text + sizeof(text);
  char* at = end;
  for (int i = 0; i < 9; ++i, tag /= 10) *--at = static_cast<char>('0' + tag % 10);
  int64_t rest = std::llabs(thousandths);
  for (int i = 0; i < 3; ++i, rest /= 10) *--at = static_cast<char>('0' + rest % 10);
  *--at = '.';
  do {
    *--at = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (thousandths < 0) *--at = '-';
  out->append(at, end);
}

absl::optional<int64_t> TagOf(double value) {
  const double magnitude = std::fabs(value);
  if (!(magnitude < 1000.0)) return absl::nullopt;
  // Below 1,000 a double resolves 1.2e-13, a tag's last digit is 1e-12.
  return std::llround(magnitude * 1e12) % (kMaxTag + 1);
}

}  // namespace sluice::fleetsim
