#ifndef SLUICE_TOOLS_FLEETSIM_REPORT_H_
#define SLUICE_TOOLS_FLEETSIM_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/fleetsim/tally.h"

namespace sluice::fleetsim {

// Everything that is told of a run.
struct RunResult {
  Totals totals;
  // Devices were sending for this long.
  int64_t sending_us = 0;
  // CPU time of this process while they did.
  int64_t cpu_us = 0;
  // The first message of each device had this tag.
  int64_t first_tag = 0;
  bool subscriber = false;
  bool insights = false;
  int64_t anomalies_asked = 0;
  double false_alarm_share = 0;
  // Messages that were due and given up, because nothing could be sent for too long.
  int64_t given_up = 0;
  int64_t mqtt_reconnects = 0;
  int64_t coap_retransmissions = 0;
  int64_t commands_received = 0;
  int64_t commands_answered = 0;
  int64_t subscriber_reconnects = 0;
  int64_t subscriber_redelivered = 0;
  int64_t gap_records = 0;
  // Why the run failed; none: it passed.
  std::vector<std::string> failures;
};

// For machines: one JSON object; sums stand at its top, each protocol's numbers in `mqtt` and
// `coap`. What nobody looked at (without a subscriber: received, lost, …) is left out.
std::string ReportJson(const RunResult& result);
// For people: a table and the verdict.
std::string ReportTable(const RunResult& result);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_REPORT_H_
