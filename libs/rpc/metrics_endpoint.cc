#include "libs/rpc/metrics_endpoint.h"

#include <httplib.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "libs/net/listen_address.h"
#include "libs/net/port_owner.h"

namespace sluice::rpc {

MetricsEndpoint::MetricsEndpoint() : server_(std::make_unique<httplib::Server>()) {}

MetricsEndpoint::~MetricsEndpoint() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
}

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& listen, const prometheus::Registry* registry) {
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint());
  if (listen.empty()) return endpoint;
  absl::StatusOr<ListenAddress> address = ParseListenAddress(listen, "metrics.listen");
  if (!address.ok()) return address.status();

  httplib::Server* server = endpoint->server_.get();
  server->new_task_queue = [] { return new httplib::ThreadPool(1); };
  server->set_keep_alive_max_count(1);
  // The library's own choice is SO_REUSEPORT: two processes would share the port.
  server->set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server->Get("/metrics", [registry](const httplib::Request&, httplib::Response& response) {
    response.set_content(prometheus::TextSerializer().Serialize(registry->Collect()),
                         "text/plain; version=0.0.4; charset=utf-8");
  });
  if (address->port == 0) {
    address->port = server->bind_to_any_port(address->host.c_str());
  } else if (!server->bind_to_port(address->host.c_str(), address->port)) {
    address->port = -1;
  }
  if (address->port < 0) {
    const absl::StatusOr<ListenAddress> wanted = ParseListenAddress(listen, "metrics.listen");
    const std::string owner = PortOwner(wanted->port, Transport::kTcp);
    return absl::AlreadyExistsError(
        absl::StrCat("metrics.listen: cannot listen on ", listen,
                     owner.empty() ? "" : absl::StrCat(": the port is taken by ", owner)));
  }
  endpoint->address_ = address->ToString();
  endpoint->thread_ = std::thread([server] { server->listen_after_bind(); });
  // stop() before the server runs would be without effect.
  while (!server->is_running()) std::this_thread::yield();
  return endpoint;
}

}  // namespace sluice::rpc
