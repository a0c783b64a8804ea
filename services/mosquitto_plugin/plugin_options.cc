#include "services/mosquitto_plugin/plugin_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace sluice::mosquitto_plugin {
namespace {

constexpr uint64_t kMinRingBytes = 1 << 20;
constexpr uint64_t kMaxRingBytes = 1 << 30;
constexpr uint64_t kPageBytes = 4096;

constexpr char kKeys[] =
    "ring, ring_bytes, ring_mode, topic, synced_topic, synced_max_per_s, no_reader_grace_s, "
    "own_client_id";

// Where what was wrong is written, with the line it was wrong in.
struct Fault {
  const char* key;
  const char* value;
  char (&error)[kMaxErrorBytes];

  bool Say(const char* rule) const {
    snprintf(error, sizeof(error), "plugin_opt_%.40s is '%.200s'; %s", key, value, rule);
    return false;
  }
};

// A whole number in `base` from `low` to `high`, perhaps with a unit behind it.
bool ReadNumber(const char* text, int base, uint64_t low, uint64_t high, bool with_unit,
                uint64_t* number) {
  // strtoull() would take a sign and blanks.
  if (*text < '0' || *text > '9') return false;
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, base);
  if (errno != 0 || value > high) return false;
  uint64_t unit = 1;
  if (with_unit && strcmp(end, "KiB") == 0) {
    unit = 1 << 10;
  } else if (with_unit && strcmp(end, "MiB") == 0) {
    unit = 1 << 20;
  } else if (*end != '\0') {
    return false;
  }
  if (value > high / unit || value * unit < low) return false;
  *number = value * unit;
  return true;
}

// Wildcards stand alone in their level, and `#` in the last one (MQTT 5, 4.7.1).
bool IsFilter(const char* text) {
  const size_t size = strlen(text);
  if (size == 0 || size >= kMaxFilterBytes) return false;
  for (const char* at = text; *at != '\0'; ++at) {
    if (*at != '+' && *at != '#') continue;
    const bool begins_level = at == text || at[-1] == '/';
    const bool ends_level = at[1] == '\0' || (*at == '+' && at[1] == '/');
    if (!begins_level || !ends_level) return false;
  }
  return true;
}

bool Copy(const char* value, size_t room, char* out) {
  const size_t size = strlen(value);
  if (size == 0 || size >= room) return false;
  memcpy(out, value, size + 1);
  return true;
}

bool Add(const char* value, Filters* filters) {
  if (!IsFilter(value) || filters->count == kMaxFilters) return false;
  memcpy(filters->text[filters->count++], value, strlen(value) + 1);
  return true;
}

bool SameFilters(const Filters& a, const Filters& b) {
  if (a.count != b.count) return false;
  for (size_t i = 0; i < a.count; ++i) {
    if (strcmp(a.text[i], b.text[i]) != 0) return false;
  }
  return true;
}

}  // namespace

bool PluginOptions::Set(const char* key, const char* value, char (&error)[kMaxErrorBytes]) {
  if (value == nullptr) value = "";
  const Fault fault = {key, value, error};
  if (strcmp(key, "ring") == 0) {
    return (*value == '/' && Copy(value, sizeof(ring_path), ring_path)) ||
           fault.Say("must be an absolute path of less than 900 bytes");
  }
  if (strcmp(key, "ring_bytes") == 0) {
    return (ReadNumber(value, 10, kMinRingBytes, kMaxRingBytes, true, &ring_bytes) &&
            ring_bytes % kPageBytes == 0) ||
           fault.Say("must be 1MiB to 1024MiB, a multiple of 4KiB");
  }
  if (strcmp(key, "ring_mode") == 0) {
    uint64_t mode = 0;
    if (!ReadNumber(value, 8, 0600, 0666, false, &mode) || (mode & 0600) != 0600) {
      return fault.Say("must be 0600 to 0666");
    }
    ring_mode = static_cast<unsigned>(mode);
    return true;
  }
  if (strcmp(key, "topic") == 0) {
    if (!topics_given_) topics = Filters();
    topics_given_ = true;
    return Add(value, &topics) || fault.Say(
                                      "must be a topic filter of less than 256 bytes, one of "
                                      "at most 16");
  }
  if (strcmp(key, "synced_topic") == 0) {
    return Add(value, &synced_topics) ||
           fault.Say("must be a topic filter of less than 256 bytes, one of at most 16");
  }
  if (strcmp(key, "synced_max_per_s") == 0) {
    return ReadNumber(value, 10, 1, 10'000, false, &synced_max_per_s) ||
           fault.Say("must be 1 to 10000");
  }
  if (strcmp(key, "no_reader_grace_s") == 0) {
    return ReadNumber(value, 10, 0, 86'400, false, &no_reader_grace_s) ||
           fault.Say("must be 0 to 86400");
  }
  if (strcmp(key, "own_client_id") == 0) {
    return Copy(value, sizeof(own_client_id), own_client_id) ||
           fault.Say("must be 1 to 255 bytes long");
  }
  snprintf(error, sizeof(error), "plugin_opt_%.40s: unknown key; known here: %s", key, kKeys);
  return false;
}

bool PluginOptions::Complete(char (&error)[kMaxErrorBytes]) const {
  if (ring_path[0] != '\0') return true;
  snprintf(error, sizeof(error), "plugin_opt_ring is missing: the path of the ring");
  return false;
}

bool PluginOptions::operator==(const PluginOptions& other) const {
  return strcmp(ring_path, other.ring_path) == 0 && ring_bytes == other.ring_bytes &&
         ring_mode == other.ring_mode && SameFilters(topics, other.topics) &&
         SameFilters(synced_topics, other.synced_topics) &&
         synced_max_per_s == other.synced_max_per_s &&
         no_reader_grace_s == other.no_reader_grace_s &&
         strcmp(own_client_id, other.own_client_id) == 0;
}

}  // namespace sluice::mosquitto_plugin
