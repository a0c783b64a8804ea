#ifndef SLUICE_SERVICES_REGISTRY_REGISTRY_METRICS_H_
#define SLUICE_SERVICES_REGISTRY_REGISTRY_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>

#include "services/registry/devices/registry_state.h"

namespace sluice::registry {

// The registry's numbers for Prometheus. One thread.
class RegistryMetrics {
 public:
  // `metrics` must outlive it.
  explicit RegistryMetrics(prometheus::Registry* metrics);

  // Takes over how things stand.
  void Update(RegistryState* state);

 private:
  std::array<prometheus::Gauge*, v1::DeviceStatus_ARRAYSIZE> devices_ = {};
  prometheus::Gauge* watchers_;
  prometheus::Counter* watchers_dropped_;
  prometheus::Counter* last_seen_skipped_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_REGISTRY_METRICS_H_
