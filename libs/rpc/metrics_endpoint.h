#ifndef SLUICE_LIBS_RPC_METRICS_ENDPOINT_H_
#define SLUICE_LIBS_RPC_METRICS_ENDPOINT_H_

#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace httplib {
class Server;
}

namespace sluice::rpc {

// Serves one registry's metrics over HTTP at /metrics, in the text format of Prometheus, on two
// threads of its own.
class MetricsEndpoint {
 public:
  // `listen` as in config.v1.Metrics; empty: no endpoint, address() is empty. ALREADY_EXISTS: port
  // taken. `registry` must outlive it.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& listen, const prometheus::Registry* registry);
  ~MetricsEndpoint();

  // Where it listens, with the real port.
  const std::string& address() const { return address_; }

 private:
  MetricsEndpoint();

  const std::unique_ptr<httplib::Server> server_;
  std::string address_;
  std::thread thread_;
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_METRICS_ENDPOINT_H_
