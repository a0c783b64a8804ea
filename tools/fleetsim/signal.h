#ifndef SLUICE_TOOLS_FLEETSIM_SIGNAL_H_
#define SLUICE_TOOLS_FLEETSIM_SIGNAL_H_

#include <cstdint>
#include <string>

#include "absl/types/optional.h"

namespace sluice::fleetsim {

// What a simulated sensor measures.
struct SignalOptions {
  // The same seed gives the same values.
  uint64_t seed = 1;
  // Devices have means within mean ± mean_spread.
  double mean = 25.0;
  double mean_spread = 10.0;
  // Of the Gaussian noise around the mean. At least 0.01.
  double standard_deviation = 0.5;
  // How far from the mean an anomaly lies at the least, in standard deviations.
  double anomaly_deviations = 8.0;
};

// Gaussian noise around a mean for each device. A value is a pure function of seed, device and
// number, so nothing needs to be kept to send it again. Values are in thousandths and below 1,000
// in magnitude (clamped). Thread-safe.
class Signal {
 public:
  explicit Signal(const SignalOptions& options) : options_(options) {}

  // The device's mean.
  double Mean(int device) const;
  // The value of the device's message `number`. An anomaly has its noise turned upwards, so that it
  // never comes nearer to the mean than anomaly_deviations.
  int64_t Thousandths(int device, int64_t number, bool anomaly) const;

 private:
  const SignalOptions options_;
};

// A message's tag is written in the digits of its value behind the third: 21.345 with tag 42 is
// 21.345000000042. It moves the value by less than a thousandth, survives every way that keeps
// doubles, and is still there in an insight, so that each message is known wherever it turns up.
inline constexpr int64_t kMaxTag = 999'999'999;
void AppendTagged(int64_t thousandths, int64_t tag, std::string* out);
// The tag of a value; nullopt if the value is too large to have one, or not finite.
absl::optional<int64_t> TagOf(double value);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_SIGNAL_H_
