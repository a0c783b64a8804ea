// sluice_mosquitto.so: runs inside of Mosquitto and takes telemetry in before the broker
// acknowledges it. Knows Mosquitto's plugin interface (version 5) and decides nothing: see
// MessageTaker.
//
// Threads: Mosquitto calls everything here on its one thread.

#include <errno.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <new>

#include "services/mosquitto_plugin/message_taker.h"
#include "services/mosquitto_plugin/plugin_options.h"
#include "services/mosquitto_plugin/refusal_news.h"

namespace sluice::mosquitto_plugin {
namespace {

using mqtt_record::Bytes;
using mqtt_record::Record;

constexpr int kPluginVersion = 5;
// Of a message's user properties only so many are looked at.
constexpr int kMaxUserProperties = 32;

// The one of this process, however many listeners load the plugin: there is one ring. Made by the
// first mosquitto_plugin_init, ended by the last mosquitto_plugin_cleanup; not a static object,
// whose destructor would need a runtime library.
struct Plugin {
  MessageTaker taker;
  RefusalNews news;
  uint64_t reported_abandoned_bytes = 0;
};
alignas(Plugin) unsigned char storage[sizeof(Plugin)];
Plugin* plugin = nullptr;
int loads = 0;

uint64_t NowNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t UptimeUs() { return NowNs(CLOCK_BOOTTIME) / 1000; }

void Pause(uint64_t us) {
  const timespec time = {0, static_cast<long>(us * 1000)};
  nanosleep(&time, nullptr);
}

bool Matches(const char* filter, const char* topic) {
  bool matches = false;
  return mosquitto_topic_matches_sub(filter, topic, &matches) == MOSQ_ERR_SUCCESS && matches;
}

uint64_t RandomNumber() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof(number), 0) != sizeof(number)) number = NowNs(CLOCK_REALTIME);
  return number;
}

Bytes TextOf(const char* text) { return text == nullptr ? Bytes() : Bytes{text, strlen(text)}; }

// The MQTT 5 properties that Sluice reads, as copies of Mosquitto's that are freed at the end.
class Properties {
 public:
  explicit Properties(const mosquitto_property* all) {
    int seen = 0;
    for (const mosquitto_property* at = all; at != nullptr; at = mosquitto_property_next(at)) {
      switch (mosquitto_property_identifier(at)) {
        case MQTT_PROP_CONTENT_TYPE:
          mosquitto_property_read_string(at, MQTT_PROP_CONTENT_TYPE, &content_type_, false);
          break;
        case MQTT_PROP_RESPONSE_TOPIC:
          mosquitto_property_read_string(at, MQTT_PROP_RESPONSE_TOPIC, &response_topic_, false);
          break;
        case MQTT_PROP_CORRELATION_DATA:
          mosquitto_property_read_binary(at, MQTT_PROP_CORRELATION_DATA, &correlation_data_,
                                         &correlation_bytes_, false);
          break;
        case MQTT_PROP_USER_PROPERTY:
          if (message_id_ == nullptr && seen++ < kMaxUserProperties) ReadUserProperty(at);
          break;
        default:
          break;
      }
    }
  }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  ~Properties() {
    free(content_type_);
    free(response_topic_);
    free(correlation_data_);
    free(message_id_);
  }

  void PutInto(Record* record) const {
    record->content_type = TextOf(content_type_);
    record->response_topic = TextOf(response_topic_);
    record->correlation_data = {correlation_data_, correlation_bytes_};
    record->message_id = TextOf(message_id_);
  }

 private:
  void ReadUserProperty(const mosquitto_property* property) {
    char* name = nullptr;
    char* value = nullptr;
    mosquitto_property_read_string_pair(property, MQTT_PROP_USER_PROPERTY, &name, &value, false);
    if (name != nullptr && strcmp(name, "id") == 0) {
      message_id_ = value;
      value = nullptr;
    }
    free(name);
    free(value);
  }

  char* content_type_ = nullptr;
  char* response_topic_ = nullptr;
  char* message_id_ = nullptr;
  void* correlation_data_ = nullptr;
  uint16_t correlation_bytes_ = 0;
};

Record RecordOf(const mosquitto_evt_message& event, uint64_t uptime_ns) {
  Record record;
  record.qos = event.qos;
  record.retain = event.retain;
  record.protocol_version = static_cast<uint8_t>(mosquitto_client_protocol_version(event.client));
  record.payload_size = event.payloadlen;
  record.received_us = static_cast<int64_t>(NowNs(CLOCK_REALTIME) / 1000);
  record.uptime_us = uptime_ns / 1000;
  record.topic = TextOf(event.topic);
  record.client_id = TextOf(mosquitto_client_id(event.client));
  record.username = TextOf(mosquitto_client_username(event.client));
  record.payload = {event.payload, event.payloadlen};
  return record;
}

void Report(const Decision& decision, uint64_t now_ms) {
  if (const uint64_t bytes = plugin->taker.abandoned_bytes();
      bytes != plugin->reported_abandoned_bytes) {
    mosquitto_log_printf(MOSQ_LOG_ERR,
                         "sluice: the ring was deleted or replaced while %llu bytes in it were not "
                         "read; they may be lost",
                         static_cast<unsigned long long>(bytes - plugin->reported_abandoned_bytes));
    plugin->reported_abandoned_bytes = bytes;
  }
  if (decision.taken) {
    if (plugin->news.Taken(now_ms) == RefusalNews::News::kTakingAgain) {
      mosquitto_log_printf(MOSQ_LOG_WARNING, "sluice: messages are taken again");
    }
    return;
  }
  if (decision.answer == Answer::kGoOn) return;
  uint64_t count = 0;
  if (plugin->news.Refused(decision.reason, now_ms, &count) == RefusalNews::News::kRefusing) {
    mosquitto_log_printf(
        MOSQ_LOG_ERR, "sluice: messages are refused: %s (%llu since the last word)",
        mqtt_record::kReasonNames[decision.reason], static_cast<unsigned long long>(count));
  }
}

// Closes the sender's connection without its Will being sent: the device did not go, we threw it
// out. Mosquitto lets go of the message when it sees that the connection is gone.
int ThrowOut(mosquitto* client) {
  const char* const id = mosquitto_client_id(client);
  // Without an id it would throw out everybody.
  if (id == nullptr) return MOSQ_ERR_NOMEM;
  mosquitto_kick_client_by_clientid(id, /*with_will=*/false);
  return MOSQ_ERR_CONN_LOST;
}

Decision Decide(const mosquitto_evt_message& event, uint64_t uptime_ns) {
  Record record = RecordOf(event, uptime_ns);
  const TopicClass kind = plugin->taker.ClassOf(record);
  // Properties are copied to be read: only for what goes into the ring.
  if (event.properties == nullptr || kind != TopicClass::kTaken) {
    return plugin->taker.Take(kind, record);
  }
  const Properties properties(event.properties);
  properties.PutInto(&record);
  return plugin->taker.Take(kind, record);
}

// MOSQ_EVT_MESSAGE: a PUBLISH that the access rules allow, before it is acknowledged.
int OnMessage(int, void* event_data, void*) {
  const auto& event = *static_cast<mosquitto_evt_message*>(event_data);
  const uint64_t began_ns = NowNs(CLOCK_BOOTTIME);
  const Decision decision = Decide(event, began_ns);
  Report(decision, began_ns / 1'000'000);
  if (decision.taken || decision.answer != Answer::kGoOn) {
    plugin->taker.CountTime(NowNs(CLOCK_BOOTTIME) - began_ns);
  }
  return decision.answer == Answer::kClose ? ThrowOut(event.client) : MOSQ_ERR_SUCCESS;
}

bool ReadOptions(const mosquitto_opt* given, int count, PluginOptions* options) {
  char error[kMaxErrorBytes];
  bool ok = true;
  for (int i = 0; i < count && ok; ++i) ok = options->Set(given[i].key, given[i].value, error);
  if (ok) ok = options->Complete(error);
  if (!ok) mosquitto_log_printf(MOSQ_LOG_ERR, "sluice: %s", error);
  return ok;
}

bool Start(const PluginOptions& options) {
  if (plugin != nullptr) {
    if (options == plugin->taker.options()) return true;
    mosquitto_log_printf(MOSQ_LOG_ERR,
                         "sluice: two listeners load the plugin with different options; there is "
                         "one ring for all of them");
    return false;
  }
  Plugin* const made = new (storage) Plugin;
  const ring::RingError error = made->taker.Open(
      options, {&Matches, &Pause, &UptimeUs, /*broker_start_id=*/RandomNumber(), /*boot=*/0});
  if (error != ring::RingError::kNone) {
    const char* const why = error == ring::RingError::kSystem ? strerror(errno) : "";
    mosquitto_log_printf(MOSQ_LOG_ERR, "sluice: ring %s: %s %s", options.ring_path,
                         ring::RingErrorText(error), why);
    made->~Plugin();
    return false;
  }
  plugin = made;
  return true;
}

void Stop() {
  plugin->~Plugin();
  plugin = nullptr;
}

int Init(mosquitto_plugin_id_t* identifier, const mosquitto_opt* given, int count) {
  PluginOptions options;
  if (!ReadOptions(given, count, &options) || !Start(options)) return MOSQ_ERR_INVAL;
  // Where all listeners share their settings and the plugin is loaded twice, the callback is there
  // already: a message is taken once.
  const int result =
      mosquitto_callback_register(identifier, MOSQ_EVT_MESSAGE, &OnMessage, nullptr, nullptr);
  if (result != MOSQ_ERR_SUCCESS && result != MOSQ_ERR_ALREADY_EXISTS) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "sluice: Mosquitto takes no message callback: %s",
                         mosquitto_strerror(result));
    if (loads == 0) Stop();
    return result;
  }
  if (++loads == 1) {
    mosquitto_log_printf(MOSQ_LOG_INFO, "sluice: taking messages into the ring %s",
                         options.ring_path);
  }
  return MOSQ_ERR_SUCCESS;
}

}  // namespace
}  // namespace sluice::mosquitto_plugin

#define SLUICE_EXPORT extern "C" __attribute__((visibility("default")))

// The newest interface version that both sides know; -1: none.
SLUICE_EXPORT int mosquitto_plugin_version(int count, const int* versions) {
  for (int i = 0; i < count; ++i) {
    if (versions[i] == sluice::mosquitto_plugin::kPluginVersion) return versions[i];
  }
  return -1;
}

SLUICE_EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void**,
                                        mosquitto_opt* options, int count) {
  return sluice::mosquitto_plugin::Init(identifier, options, count);
}

// Mosquitto calls this once for each init that succeeded. Callbacks end with the listener that they
// belong to.
SLUICE_EXPORT int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int) {
  using namespace sluice::mosquitto_plugin;
  if (loads > 0 && --loads == 0) Stop();
  return MOSQ_ERR_SUCCESS;
}
