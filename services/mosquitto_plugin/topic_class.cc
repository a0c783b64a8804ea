#include "services/mosquitto_plugin/topic_class.h"

#include <string.h>

namespace sluice::mosquitto_plugin {
namespace {

constexpr char kDevices[] = "devices/";
constexpr size_t kDevicesBytes = sizeof(kDevices) - 1;
constexpr const char* kKnownFilters[] = {"devices/+/status", "devices/+/commands",
                                         "devices/+/errors"};

}  // namespace

bool MatchesAny(const char* topic, const Filters& filters, MatchFunction match) {
  for (size_t i = 0; i < filters.count; ++i) {
    if (match(filters.text[i], topic)) return true;
  }
  return false;
}

TopicClass Classify(const char* topic, const Filters& taken, MatchFunction match) {
  if (MatchesAny(topic, taken, match)) return TopicClass::kTaken;
  if (strncmp(topic, kDevices, kDevicesBytes) != 0) return TopicClass::kForeign;
  for (const char* const known : kKnownFilters) {
    if (match(known, topic)) return TopicClass::kKnown;
  }
  return TopicClass::kUnknown;
}

DeviceId DeviceIdOf(const char* topic) {
  if (strncmp(topic, kDevices, kDevicesBytes) != 0) return {};
  const char* const id = topic + kDevicesBytes;
  return {id, strcspn(id, "/")};
}

}  // namespace sluice::mosquitto_plugin
