#ifndef SLUICE_TOOLS_FLEETSIM_VERDICT_H_
#define SLUICE_TOOLS_FLEETSIM_VERDICT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/fleetsim/tally.h"

namespace sluice::fleetsim {

// What a run was asked to show.
struct Expectations {
  // A subscriber compared what arrived with what was sent.
  bool subscriber = false;
  // By protocol: its messages ask for an acknowledgement.
  std::array<bool, kProtocols> acknowledgements{};
  // Every anomaly asked for was planted, acknowledged and found.
  bool all_anomalies = false;
  int64_t anomalies_asked = 0;
  // False alarms as a share of the samples; negative: not judged.
  double max_false_alarm_share = -1.0;
};

// False alarms as a share of the samples that arrived for certain.
double FalseAlarmShare(const Totals& totals);

// Why the run failed, a sentence each; none: it passed.
std::vector<std::string> Judge(const Totals& totals, const Expectations& expected);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_VERDICT_H_
