#ifndef SLUICE_SERVICES_INGRESS_MQTT_JSON_STRING_H_
#define SLUICE_SERVICES_INGRESS_MQTT_JSON_STRING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::ingress {

// `text` as a JSON string with its quotes. Each byte that is not part of valid UTF-8 becomes
// U+FFFD.
std::string JsonString(absl::string_view text);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_JSON_STRING_H_
