#ifndef SLUICE_LIBS_RPC_METRICS_ENDPOINT_H_
#define SLUICE_LIBS_RPC_METRICS_ENDPOINT_H_

#include <prometheus/exposer.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::rpc {

// Serves one registry's metrics over HTTP at /metrics.
class MetricsEndpoint {
 public:
  // `listen` as in config.v1.Metrics; empty: no endpoint, address() is empty. ALREADY_EXISTS: port
  // taken.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& listen, const std::shared_ptr<prometheus::Registry>& registry);

  // Where it listens, with the real port.
  const std::string& address() const { return address_; }

 private:
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_METRICS_ENDPOINT_H_
