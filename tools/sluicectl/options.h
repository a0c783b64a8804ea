#ifndef SLUICE_TOOLS_SLUICECTL_OPTIONS_H_
#define SLUICE_TOOLS_SLUICECTL_OPTIONS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

// What can stand on a command line, as plain values: one struct for each command. Texts that need
// the rules of the API (times, readings, positions) are still texts here: the command parses them.
namespace sluice::sluicectl {

enum class ColorChoice { kAuto, kAlways, kNever };

// Where the services are, as the user gave it. Empty: not given.
struct AddressOptions {
  std::string ingress;
  std::string registry;
  std::string analytics;
  std::string data_dir;
};

struct GlobalOptions {
  AddressOptions addresses;
  bool json = false;
  // Of one unary call.
  absl::Duration timeout = absl::Seconds(10);
  ColorChoice color = ColorChoice::kAuto;
};

// Which part of a list is shown.
struct PageOptions {
  // 0: as the service likes (100).
  int32_t page_size = 0;
  std::string page_token;
  // Every page, one after the other.
  bool all = false;
};

struct StatusOptions {};

struct DevicesListOptions {
  std::string filter;
  PageOptions page;
};

struct DevicesGetOptions {
  std::string id;
};

// The properties of a device that can be written.
struct DeviceFlags {
  // sensor, actuator, gateway; empty: what capabilities and commands imply.
  std::string type;
  std::vector<std::string> capabilities;  // METRIC[:UNIT]
  std::vector<std::string> commands;
  std::vector<std::string> labels;            // KEY=VALUE
  std::vector<std::string> removed_labels;    // keys
  std::vector<std::string> metadata;          // KEY=VALUE
  std::vector<std::string> removed_metadata;  // keys
  std::string firmware;
  bool has_firmware = false;
  bool enable = false;
  bool disable = false;
};

struct DevicesCreateOptions {
  std::string id;
  DeviceFlags flags;
  std::string request_id;
  // A file of devices (`-`: stdin), instead of id and flags.
  std::string from_file;
};

struct DevicesUpdateOptions {
  std::string id;
  DeviceFlags flags;
  std::string etag;
};

struct DevicesDeleteOptions {
  std::string id;
  std::string etag;
};

struct TailOptions {
  // Insights instead of telemetry.
  bool insights = false;
  std::string subscription;
  // earliest, latest, resume, an offset or a time; empty: as the service likes.
  std::string from;
  std::vector<std::string> devices;
  std::vector<std::string> metrics;
  // Records after which it ends; 0: never.
  int64_t count = 0;
  bool acknowledge = false;
};

struct TelemetryPublishOptions {
  std::string device;
  std::vector<std::string> readings;  // METRIC=VALUE
  std::string message_id;
  std::string unit;
  std::string time;
};

struct SeriesListOptions {
  std::string device;
  PageOptions page;
};

struct SeriesGetOptions {
  std::string device;
  std::string metric;
};

struct CommandSendOptions {
  std::string device;
  std::string name;
  std::vector<std::string> arguments;  // KEY=VALUE
  std::string json_arguments;
  std::string request_id;
  absl::Duration wait = absl::ZeroDuration();
};

struct CommandGetOptions {
  std::string id;
};

struct SubscriptionsListOptions {
  bool insights = false;
  PageOptions page;
};

struct SubscriptionsCreateOptions {
  bool insights = false;
  std::string name;
  std::string from;
  // 0: never.
  absl::Duration expire_after = absl::ZeroDuration();
};

struct SubscriptionsSeekOptions {
  bool insights = false;
  std::string name;
  // earliest, latest, an offset or a time.
  std::string to;
};

struct SubscriptionsDeleteOptions {
  bool insights = false;
  std::string name;
};

// Which dead letters are meant.
struct DeadLetterFlags {
  std::vector<std::string> reasons;  // unknown-device, …
  std::vector<std::string> devices;
  // Times. Empty: any.
  std::string after;
  std::string before;
};

struct DeadLettersListOptions {
  DeadLetterFlags filter;
  PageOptions page;
};

struct DeadLettersShowOptions {
  int64_t offset = 0;
};

struct DeadLettersReplayOptions {
  // These, or those that match, or all.
  std::vector<int64_t> offsets;
  DeadLetterFlags filter;
  bool all = false;
};

struct DeadLettersPurgeOptions {
  // An offset or a time, or all.
  std::string before;
  bool all = false;
  bool dry_run = false;
};

struct UnknownTopicsOptions {};

// The one command that was asked for.
using CommandOptions =
    std::variant<StatusOptions, DevicesListOptions, DevicesGetOptions, DevicesCreateOptions,
                 DevicesUpdateOptions, DevicesDeleteOptions, TailOptions, TelemetryPublishOptions,
                 SeriesListOptions, SeriesGetOptions, CommandSendOptions, CommandGetOptions,
                 SubscriptionsListOptions, SubscriptionsCreateOptions, SubscriptionsSeekOptions,
                 SubscriptionsDeleteOptions, DeadLettersListOptions, DeadLettersShowOptions,
                 DeadLettersReplayOptions, DeadLettersPurgeOptions, UnknownTopicsOptions>;

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_OPTIONS_H_
