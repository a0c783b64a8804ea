#ifndef SLUICE_TOOLS_FLEETSIM_ANOMALY_PLAN_H_
#define SLUICE_TOOLS_FLEETSIM_ANOMALY_PLAN_H_

#include <cstdint>
#include <vector>

namespace sluice::fleetsim {

// Decides which messages are anomalies: spread over the run and over the devices, never among the
// first 40 samples of a device (detectors warm up) nor two within 50 samples of one device (the
// first would hide the second). Not thread-safe.
class AnomalyPlan {
 public:
  static constexpr int64_t kWarmUpSamples = 40;
  static constexpr int64_t kSpacingSamples = 50;

  // Plans `count` anomalies for `devices` devices.
  AnomalyPlan(int64_t count, int devices, uint64_t seed);

  // Whether the device's message `number` (from 0, one more each time) is an anomaly. `progress` in
  // [0, 1] says how much of the run is over; all anomalies are due at 0.9.
  bool Plant(int device, int64_t number, double progress);

  int64_t planted() const { return planted_; }

 private:
  int64_t count_;
  uint64_t devices_;
  uint64_t random_;
  int64_t planted_ = 0;
  // Messages that could be anomalies and are left out, so that it is not always the same devices'
  // turn.
  int64_t to_skip_ = 0;
  // When the first device could have one; negative: not yet.
  double begin_ = -1.0;
  // For each device, the first message that may be its next one.
  std::vector<int64_t> next_allowed_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_ANOMALY_PLAN_H_
