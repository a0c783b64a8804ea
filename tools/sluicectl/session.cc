#include "tools/sluicectl/session.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/rpc/channel.h"

namespace sluice::sluicectl {

namespace {

constexpr absl::string_view kLastError = "last error: UNKNOWN: ";

}  // namespace

std::string Endpoint::Describe() const { return absl::StrCat(ToString(service), " at ", address); }

absl::StatusOr<Endpoint> FindEndpoint(const Session& session, ServiceName service) {
  auto address = ResolveAddress(service, session.options->addresses);
  if (!address.ok()) return address.status();
  Endpoint endpoint;
  endpoint.service = service;
  endpoint.address = *address;
  endpoint.channel = rpc::MakeChannel(*address);
  endpoint.timeout = session.options->timeout;
  return endpoint;
}

absl::Status AtEndpoint(const Endpoint& endpoint, const absl::Status& status) {
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return status;
  // gRPC tells the reason last: "failed to connect to all addresses; last error: UNKNOWN: …".
  absl::string_view reason = status.message();
  const size_t last = reason.rfind(kLastError);
  if (last != absl::string_view::npos) reason.remove_prefix(last + kLastError.size());
  return absl::Status(status.code(), absl::StrCat(endpoint.Describe(), ": ", reason));
}

}  // namespace sluice::sluicectl
