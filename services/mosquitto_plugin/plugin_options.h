#ifndef SLUICE_SERVICES_MOSQUITTO_PLUGIN_PLUGIN_OPTIONS_H_
#define SLUICE_SERVICES_MOSQUITTO_PLUGIN_PLUGIN_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace sluice::mosquitto_plugin {

inline constexpr size_t kMaxFilters = 16;
inline constexpr size_t kMaxFilterBytes = 256;
inline constexpr size_t kMaxRingPathBytes = 900;
inline constexpr size_t kMaxErrorBytes = 512;

// Topic filters of MQTT.
struct Filters {
  char text[kMaxFilters][kMaxFilterBytes] = {};
  size_t count = 0;
};

// The `plugin_opt_KEY VALUE` lines of mosquitto.conf that stand behind the plugin's `plugin` line.
// A key that may not be repeated counts as it was given last. Needs no C++ runtime library.
struct PluginOptions {
  // `ring`: where the ring lies; an absolute path in a directory that the broker's user may write
  // to. Required.
  char ring_path[kMaxRingPathBytes] = {};
  // `ring_bytes`: 1 MiB to 1 GiB, a multiple of 4096; `KiB` or `MiB` may follow the number.
  uint64_t ring_bytes = 32 << 20;
  // `ring_mode`: permissions of the ring's files, octal; ingress must be able to write to them.
  unsigned ring_mode = 0600;
  // `topic`, up to 16 times: what is taken in. The first one replaces the defaults.
  Filters topics = {{"devices/+/telemetry", "devices/+/commands/+/response"}, 2};
  // `synced_topic`, up to 16 times: what of that is on disk before it is acknowledged.
  Filters synced_topics;
  // `synced_max_per_s`: fdatasyncs a second at most, 1 to 10,000; each stops the whole broker.
  uint64_t synced_max_per_s = 100;
  // `no_reader_grace_s`: how long messages are taken while no ingress is there, 0 to 86,400.
  uint64_t no_reader_grace_s = 60;
  // `own_client_id`: what this client (the gateway itself) publishes is never taken in.
  char own_client_id[kMaxFilterBytes] = "sluice-ingress-1";

  // Takes one line in. False: `error` says what is wrong with it.
  bool Set(const char* key, const char* value, char (&error)[kMaxErrorBytes]);
  // Whether what is required is there; else `error` says what is not.
  bool Complete(char (&error)[kMaxErrorBytes]) const;
  bool operator==(const PluginOptions& other) const;

 private:
  bool topics_given_ = false;
};

}  // namespace sluice::mosquitto_plugin

#endif  // SLUICE_SERVICES_MOSQUITTO_PLUGIN_PLUGIN_OPTIONS_H_
