#ifndef SLUICE_TOOLS_FLEETSIM_OPTIONS_H_
#define SLUICE_TOOLS_FLEETSIM_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/fleetsim/payload.h"
#include "tools/fleetsim/signal.h"

namespace sluice::fleetsim {

// What the command line asks for. --help explains each.
struct Options {
  enum class Command { kRun, kDevices };
  Command command = Command::kRun;

  std::string mqtt;
  int mqtt_devices = 0;
  std::string coap;
  int coap_devices = 0;
  // devices: prints so many ids.
  int count = 0;
  std::string id_prefix = "sim";

  double rate_per_s = 1000;
  absl::Duration duration = absl::Seconds(15);
  int64_t messages = 0;
  int qos = 1;
  int inflight = 20;
  bool clean_session = false;
  int keep_alive_s = 30;
  bool respond_commands = false;
  bool coap_non = false;
  int coap_inflight = 1;
  absl::Duration coap_ack_timeout = absl::Seconds(2);
  bool spread_sources = false;

  PayloadOptions payload;
  SignalOptions signal;
  int64_t anomalies = 0;

  std::string subscribe;
  std::string insights;
  std::string subscription;
  absl::Duration settle = absl::Seconds(10);
  absl::Duration reconnect_delay = absl::ZeroDuration();
  absl::Duration connect_timeout = absl::Seconds(20);
  bool expect_all_anomalies = false;
  double max_false_alarm_share = -1.0;

  std::string ledger;
  std::string report;
  bool quiet = false;
};

// The ids of devices 1 to `count`: `sim-00001`, …
std::vector<std::string> DeviceIds(const std::string& prefix, int count);

// Reads the command line. Returns -1 to go on, else the exit code: help was printed (0) or an error
// (2).
int ParseOptions(int argc, char** argv, Options* options);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_OPTIONS_H_
