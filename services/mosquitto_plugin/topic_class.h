#ifndef SLUICE_SERVICES_MOSQUITTO_PLUGIN_TOPIC_CLASS_H_
#define SLUICE_SERVICES_MOSQUITTO_PLUGIN_TOPIC_CLASS_H_

#include <cstddef>

#include "services/mosquitto_plugin/plugin_options.h"

namespace sluice::mosquitto_plugin {

// What a topic is to the plugin.
enum class TopicClass {
  // Not under `devices/`: the broker's alone.
  kForeign,
  // To be taken in.
  kTaken,
  // Known, and left to the broker: statuses, commands, errors.
  kKnown,
  // Under `devices/`, but nobody takes it: most likely a mistake in a device.
  kUnknown,
};

// Whether an MQTT topic filter matches a topic: both of them end with a NUL.
using MatchFunction = bool (*)(const char* filter, const char* topic);

TopicClass Classify(const char* topic, const Filters& taken, MatchFunction match);
bool MatchesAny(const char* topic, const Filters& filters, MatchFunction match);

// The second level of `devices/ID/…`; empty if the topic is no such one.
struct DeviceId {
  const char* text = "";
  size_t size = 0;
};
DeviceId DeviceIdOf(const char* topic);

}  // namespace sluice::mosquitto_plugin

#endif  // SLUICE_SERVICES_MOSQUITTO_PLUGIN_TOPIC_CLASS_H_
