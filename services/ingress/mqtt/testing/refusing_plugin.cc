// A plugin for tests: the broker refuses every SUBSCRIBE to a topic under `refused/`.

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <cstring>

namespace {

int OnAccess(int, void* event_data, void*) {
  const auto& event = *static_cast<mosquitto_evt_acl_check*>(event_data);
  const bool refused =
      event.access == MOSQ_ACL_SUBSCRIBE && std::strncmp(event.topic, "refused/", 8) == 0;
  return refused ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_SUCCESS;
}

}  // namespace

extern "C" int mosquitto_plugin_version(int, const int*) { return 5; }

extern "C" int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void**, mosquitto_opt*,
                                     int) {
  return mosquitto_callback_register(identifier, MOSQ_EVT_ACL_CHECK, &OnAccess, nullptr, nullptr);
}

extern "C" int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int) { return MOSQ_ERR_SUCCESS; }
