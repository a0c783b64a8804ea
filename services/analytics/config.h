#ifndef SLUICE_SERVICES_ANALYTICS_CONFIG_H_
#define SLUICE_SERVICES_ANALYTICS_CONFIG_H_

#include "absl/status/status.h"
#include "sluice/config/v1/analytics.pb.h"

namespace sluice::analytics {

// The defaults that sluice.config.v1.AnalyticsConfig states.
config::v1::AnalyticsConfig DefaultConfig();

// Whether every setting is in its stated range; INVALID_ARGUMENT names the field's path.
absl::Status ValidateConfig(const config::v1::AnalyticsConfig& config);

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_CONFIG_H_
