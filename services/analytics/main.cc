// sluice-analytics: watches the telemetry for what is out of the ordinary.

#include "libs/rpc/run_service.h"
#include "services/analytics/analytics.h"
#include "services/analytics/config.h"

int main(int argc, char** argv) {
  return sluice::rpc::RunService<sluice::config::v1::AnalyticsConfig>(
      argc, argv, "sluice-analytics", sluice::analytics::DefaultConfig(),
      &sluice::analytics::ValidateConfig, &sluice::analytics::Analytics::Create);
}
