#ifndef SLUICE_SERVICES_INGRESS_CONFIG_H_
#define SLUICE_SERVICES_INGRESS_CONFIG_H_

#include "absl/status/status.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

// The defaults that sluice.config.v1.IngressConfig states; auto_register stays unset.
config::v1::IngressConfig DefaultConfig();

// Whether every setting is in its stated range; INVALID_ARGUMENT names the field's path.
absl::Status ValidateConfig(const config::v1::IngressConfig& config);

// A broker's settings with what was left out filled in.
config::v1::MqttBroker WithDefaults(config::v1::MqttBroker broker);

// The setting admission.device_burst_messages, or its default for the device's rate.
double DeviceBurst(const config::v1::IngressConfig& config);

// The setting auto_register, or its default for the other settings.
bool AutoRegister(const config::v1::IngressConfig& config);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_CONFIG_H_
