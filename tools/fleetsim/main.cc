#include <atomic>
#include <csignal>
#include <fstream>
#include <iostream>
#include <string>

#include "libs/clock/clock.h"
#include "tools/fleetsim/options.h"
#include "tools/fleetsim/report.h"
#include "tools/fleetsim/run.h"

namespace {

std::atomic<bool> interrupted{false};

// The first signal ends the run with a verdict, the second ends the process.
void Interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

int main(int argc, char** argv) {
  using sluice::fleetsim::Options;
  Options options;
  const int code = sluice::fleetsim::ParseOptions(argc, argv, &options);
  if (code >= 0) return code;
  if (options.command == Options::Command::kDevices) {
    const int count =
        options.count > 0 ? options.count : options.mqtt_devices + options.coap_devices;
    for (const std::string& id : sluice::fleetsim::DeviceIds(options.id_prefix, count)) {
      std::cout << id << "\n";
    }
    return 0;
  }
  std::signal(SIGINT, Interrupt);
  std::signal(SIGTERM, Interrupt);
  const sluice::SystemClock clock;
  const auto result = sluice::fleetsim::Run(options, &clock, &interrupted);
  if (!result.ok()) {
    std::cerr << "fleetsim: " << result.status().message() << "\n";
    return 2;
  }
  std::cout << sluice::fleetsim::ReportTable(*result);
  if (!options.report.empty()) {
    std::ofstream file(options.report, std::ios::trunc);
    file << sluice::fleetsim::ReportJson(*result);
    file.close();
    if (!file) {
      std::cerr << "fleetsim: cannot write the report to " << options.report << "\n";
      return 2;
    }
  }
  return result->failures.empty() ? 0 : 1;
}
