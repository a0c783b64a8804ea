#ifndef SLUICE_SERVICES_REGISTRY_CONFIG_H_
#define SLUICE_SERVICES_REGISTRY_CONFIG_H_

#include "absl/status/status.h"
#include "sluice/config/v1/registry.pb.h"

namespace sluice::registry {

// The defaults that sluice.config.v1.RegistryConfig states.
config::v1::RegistryConfig DefaultConfig();

// Whether every setting is in its stated range; INVALID_ARGUMENT names the field's path.
absl::Status ValidateConfig(const config::v1::RegistryConfig& config);

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_CONFIG_H_
