#include "tools/fleetsim/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/device_id/device_id.h"

namespace sluice::fleetsim {
namespace {

constexpr int kMaxDevices = 1'000'000;

void AddDuration(CLI::App* app, const char* name, absl::Duration* value, const char* help) {
  app->add_option_function<std::string>(
         name,
         [value, name](const std::string& text) {
           if (!absl::ParseDuration(text, value) || *value < absl::ZeroDuration()) {
             throw CLI::ValidationError(name,
                                        "'" + text + "' is no duration such as 15s, 500ms, 2m");
           }
         },
         help)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(*value));
}

void AddFleet(CLI::App* app, Options* o) {
  const CLI::Range devices(0, kMaxDevices);
  app->add_option("--mqtt-devices", o->mqtt_devices, "MQTT devices; they have the first ids")
      ->check(devices);
  app->add_option("--coap-devices", o->coap_devices, "CoAP devices; they have the ids after those")
      ->check(devices);
  app->add_option("--id-prefix", o->id_prefix, "Ids are PREFIX-00001, …")->capture_default_str();
}

void AddMessages(CLI::App* run, Options* o) {
  run->add_option("--rate", o->rate_per_s,
                  "Messages a second over all devices; 0: as fast as acknowledgements come")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  AddDuration(run, "--duration", &o->duration, "How long to send; 0: until interrupted");
  run->add_option("--messages", o->messages, "Stop after so many messages; 0: only by --duration")
      ->check(CLI::NonNegativeNumber);
  run->add_option_function<std::string>(
         "--payload",
         [o](const std::string& name) {
           const auto shape = ParsePayloadShape(name);
           if (!shape.ok()) throw CLI::ValidationError(std::string(shape.status().message()));
           o->payload.shape = *shape;
         },
         "json, flat, nested, value, number, array or senml (for gateways that read it)")
      ->default_str("json");
  run->add_option("--payload-bytes", o->payload.min_bytes, "Pad payloads to this size")
      ->check(CLI::Range(0, 256 << 10));
  run->add_option("--metric", o->payload.metric, "The metric's name")->capture_default_str();
  run->add_option("--mean", o->signal.mean, "Devices have means around this")
      ->capture_default_str();
  run->add_option("--mean-spread", o->signal.mean_spread, "... at most so far from it")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  run->add_option("--sd", o->signal.standard_deviation, "Standard deviation of the noise")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  run->add_option("--anomalies", o->anomalies,
                  "Plant so many values, 8 deviations above the mean or more")
      ->check(CLI::NonNegativeNumber);
  run->add_option("--seed", o->signal.seed, "The same seed gives the same values")
      ->capture_default_str();
}

void AddProtocols(CLI::App* run, Options* o) {
  run->add_option("--mqtt", o->mqtt, "The MQTT broker")->type_name("HOST:PORT");
  run->add_option("--coap", o->coap, "The CoAP server")->type_name("HOST:PORT");
  run->add_option("--qos", o->qos, "MQTT QoS of telemetry")
      ->check(CLI::Range(0, 2))
      ->capture_default_str();
  run->add_option("--inflight", o->inflight, "Unacknowledged publishes of one MQTT device")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  run->add_flag("--clean-session", o->clean_session,
                "No persistent MQTT sessions: what is unacknowledged when a connection breaks is "
                "not sent again");
  run->add_option("--keep-alive", o->keep_alive_s, "Of MQTT, in seconds")
      ->check(CLI::Range(2, 65535))
      ->capture_default_str();
  run->add_flag("--respond-commands", o->respond_commands,
                "MQTT devices take commands and answer that they succeeded");
  run->add_flag("--coap-non", o->coap_non, "CoAP messages are non-confirmable");
  run->add_option("--coap-inflight", o->coap_inflight, "Unanswered requests of one CoAP device")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  AddDuration(run, "--coap-ack-timeout", &o->coap_ack_timeout, "ACK_TIMEOUT of RFC 7252");
  run->add_flag("--spread-sources", o->spread_sources,
                "Each device gets an address of 127.0.0.0/8 of its own");
  AddDuration(run, "--reconnect-delay", &o->reconnect_delay,
              "MQTT devices come back after this time; 0: after 0.2 s to 5 s, longer each time");
  AddDuration(run, "--connect-timeout", &o->connect_timeout,
              "Begin without the devices that are not connected after this time");
}

void AddVerdict(CLI::App* run, Options* o) {
  run->add_option("--subscribe", o->subscribe,
                  "Compare what a cloud subscriber gets from ingress with what was sent")
      ->type_name("HOST:PORT");
  run->add_option("--insights", o->insights,
                  "Compare the anomalies that analytics finds with those planted")
      ->type_name("HOST:PORT");
  run->add_option("--subscription", o->subscription,
                  "Name of a subscription to keep; default: one of this run, deleted at its end");
  AddDuration(
      run, "--settle", &o->settle,
      "Wait at most so long for acknowledgements, messages and insights that are still out");
  run->add_flag("--expect-all-anomalies", o->expect_all_anomalies,
                "Fail if an anomaly was not planted or not found");
  run->add_option("--max-false-alarm-share", o->max_false_alarm_share,
                  "Fail if more of the samples were false alarms, e.g. 0.005")
      ->check(CLI::Range(0.0, 1.0));
  run->add_option("--ledger", o->ledger, "Append every message and acknowledgement to this file")
      ->type_name("FILE");
  run->add_option("--report", o->report, "Write the result as JSON to this file")
      ->type_name("FILE");
  run->add_flag("--quiet", o->quiet, "No progress on stderr");
}

// What flags alone cannot say; empty: all well.
std::string Contradiction(const Options& o) {
  const int devices = o.mqtt_devices + o.coap_devices;
  const absl::Status id = ValidateId(DeviceIds(o.id_prefix, kMaxDevices).back(), "id-prefix");
  if (!id.ok()) return std::string(id.message());
  if (o.command == Options::Command::kDevices) {
    return devices + o.count == 0 ? "say how many: --count, or --mqtt-devices and --coap-devices"
                                  : "";
  }
  if (devices == 0) return "there are no devices: give --mqtt-devices or --coap-devices";
  if (o.mqtt_devices > 0 && o.mqtt.empty()) return "--mqtt-devices needs --mqtt HOST:PORT";
  if (o.coap_devices > 0 && o.coap.empty()) return "--coap-devices needs --coap HOST:PORT";
  if (o.coap_devices > 0 && o.payload.min_bytes > 1024) {
    return "--payload-bytes is at most 1024 with CoAP devices (one datagram a message)";
  }
  const absl::Status payload = ValidatePayloadOptions(o.payload);
  if (!payload.ok()) return std::string(payload.message());
  const double largest =
      std::fabs(o.signal.mean) + o.signal.mean_spread + 16 * o.signal.standard_deviation;
  if (largest >= 1000) return "values must stay below 1,000: lower --mean, --mean-spread or --sd";
  if (o.expect_all_anomalies && o.insights.empty()) {
    return "--expect-all-anomalies needs --insights HOST:PORT";
  }
  if (o.max_false_alarm_share >= 0 && o.insights.empty()) {
    return "--max-false-alarm-share needs --insights HOST:PORT";
  }
  if (!o.subscription.empty()) {
    const absl::Status name = ValidateId(o.subscription, "subscription");
    if (!name.ok()) return std::string(name.message());
  }
  return "";
}

}  // namespace

std::vector<std::string> DeviceIds(const std::string& prefix, int count) {
  std::vector<std::string> ids;
  if (count == kMaxDevices) return {absl::StrCat(prefix, "-", kMaxDevices)};
  for (int i = 1; i <= count; ++i) ids.push_back(absl::StrFormat("%s-%05d", prefix, i));
  return ids;
}

int ParseOptions(int argc, char** argv, Options* options) {
  CLI::App app(
      "Thousands of simulated MQTT and CoAP devices in one process, and an account of what became "
      "of "
      "every message.");
  app.require_subcommand(1);
  CLI::App* const run = app.add_subcommand(
      "run",
      "Drive the devices, print what came through. Exit code: 0 if nothing acknowledged was lost "
      "(and what else was expected holds), 1 if not, 2 if the run could not be made.");
  AddFleet(run, options);
  AddProtocols(run, options);
  AddMessages(run, options);
  AddVerdict(run, options);
  run->footer(
      "Example:\n  fleetsim run --mqtt 127.0.0.1:1883 --mqtt-devices 100 --coap 127.0.0.1:5683 \\\n"
      "      --coap-devices 50 --rate 1000 --duration 15s --subscribe 127.0.0.1:7101");
  CLI::App* const devices = app.add_subcommand("devices", "Print the devices' ids, one a line.");
  AddFleet(devices, options);
  devices->add_option("--count", options->count, "Print so many")
      ->check(CLI::Range(0, kMaxDevices));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options->command = devices->parsed() ? Options::Command::kDevices : Options::Command::kRun;
  const std::string wrong = Contradiction(*options);
  if (wrong.empty()) return -1;
  std::cerr << "fleetsim: " << wrong << "\n";
  return 2;
}

}  // namespace sluice::fleetsim
