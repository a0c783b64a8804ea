#include "tools/fleetsim/verdict.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::fleetsim {

double FalseAlarmShare(const Totals& totals) {
  int64_t samples = 0;
  for (const ProtocolTotals& protocol : totals.protocols) {
    samples += std::max(protocol.received, protocol.acknowledged);
  }
  return static_cast<double>(totals.anomalies.false_alarms) /
         static_cast<double>(std::max<int64_t>(1, samples));
}

std::vector<std::string> Judge(const Totals& totals, const Expectations& expected) {
  std::vector<std::string> failures;
  int64_t lost = 0, received = 0, sent = 0;
  for (int i = 0; i < kProtocols; ++i) {
    const ProtocolTotals& protocol = totals.protocols[i];
    const char* const name = i == static_cast<int>(Protocol::kMqtt) ? "MQTT" : "CoAP";
    lost += protocol.lost();
    received += protocol.received;
    sent += protocol.sent;
    if (protocol.devices > 0 && protocol.sent == 0) {
      failures.push_back(absl::StrCat("no ", name, " message was sent"));
    } else if (expected.acknowledgements[i] && protocol.sent > 0 && protocol.acknowledged == 0) {
      failures.push_back(absl::StrCat("no ", name, " message was acknowledged"));
    }
  }
  if (expected.subscriber && lost > 0) {
    failures.push_back(absl::StrCat(lost, " acknowledged messages did not arrive"));
  }
  if (expected.subscriber && sent > 0 && received == 0) {
    failures.push_back("nothing arrived at the subscriber");
  }
  const AnomalyTotals& anomalies = totals.anomalies;
  if (expected.all_anomalies) {
    if (anomalies.planted < expected.anomalies_asked) {
      failures.push_back(absl::StrCat("only ", anomalies.planted, " of ", expected.anomalies_asked,
                                      " anomalies had room in this run"));
    }
    if (anomalies.missed > 0) {
      failures.push_back(absl::StrCat(anomalies.missed, " planted anomalies were not found"));
    }
    if (anomalies.planted > 0 && anomalies.found == 0 && anomalies.missed == 0) {
      failures.push_back("no planted anomaly was acknowledged or found");
    }
  }
  const double share = FalseAlarmShare(totals);
  if (expected.max_false_alarm_share >= 0 && share > expected.max_false_alarm_share) {
    failures.push_back(
        absl::StrFormat("false alarms are %.3f%% of the samples, at most %.3f%% may be",
                        share * 100, expected.max_false_alarm_share * 100));
  }
  return failures;
}

}  // namespace sluice::fleetsim
