#include "libs/rpc/metrics_endpoint.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "libs/net/listen_address.h"
#include "libs/net/port_owner.h"

namespace sluice::rpc {

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& listen, const std::shared_ptr<prometheus::Registry>& registry) {
  auto endpoint = std::make_unique<MetricsEndpoint>();
  if (listen.empty()) return endpoint;
  absl::StatusOr<ListenAddress> address = ParseListenAddress(listen, "metrics.listen");
  if (!address.ok()) return address.status();
  try {
    // The exposer tells a failed start by an exception only.
    endpoint->exposer_ = std::make_unique<prometheus::Exposer>(address->ToString(), 1);
  } catch (const std::exception& error) {
    const std::string owner = PortOwner(address->port, Transport::kTcp);
    return absl::AlreadyExistsError(
        absl::StrCat("metrics.listen: cannot listen on ", address->ToString(),
                     owner.empty() ? absl::StrCat(": ", error.what())
                                   : absl::StrCat(": the port is taken by ", owner)));
  }
  endpoint->exposer_->RegisterCollectable(registry);
  address->port = endpoint->exposer_->GetListeningPorts().front();
  endpoint->address_ = address->ToString();
  return endpoint;
}

}  // namespace sluice::rpc
