#ifndef SLUICE_SERVICES_REGISTRY_REGISTRY_METRICS_H_
#define SLUICE_SERVICES_REGISTRY_REGISTRY_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>

#include "services/registry/commands/command_book.h"
#include "services/registry/devices/registry_state.h"

namespace sluice::registry {

// The registry's numbers for Prometheus. One thread.
class RegistryMetrics {
 public:
  // `metrics` must outlive it.
  explicit RegistryMetrics(prometheus::Registry* metrics);

  // Takes over how things stand.
  void Update(RegistryState* state, const CommandBook& commands, int64_t command_watchers);

 private:
  std::array<prometheus::Gauge*, v1::DeviceStatus_ARRAYSIZE> devices_ = {};
  prometheus::Gauge* device_watchers_;
  prometheus::Gauge* command_watchers_;
  prometheus::Counter* watchers_dropped_;
  prometheus::Counter* last_seen_skipped_;
  prometheus::Counter* accepted_;
  prometheus::Counter* sent_;
  prometheus::Counter* succeeded_;
  prometheus::Counter* failed_;
  prometheus::Counter* cancelled_;
  prometheus::Gauge* unfinished_;
  prometheus::Gauge* waiting_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_REGISTRY_METRICS_H_
