#ifndef SLUICE_LIBS_NET_LISTEN_ADDRESS_H_
#define SLUICE_LIBS_NET_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice {

// A numeric IP address and a port, as in settings: `127.0.0.1:7101`, `[::1]:0`.
struct ListenAddress {
  std::string host;  // without brackets
  int port = 0;      // 0: any free one
  bool is_ipv6 = false;
  bool is_loopback = false;

  // HOST:PORT as people and gRPC write it.
  std::string ToString() const;
};

// INVALID_ARGUMENT names `field` and what is wrong.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text, absl::string_view field);

// The rule until there are credentials: INVALID_ARGUMENT for an address that others could reach.
absl::Status ValidateLoopback(absl::string_view text, absl::string_view field);

}  // namespace sluice

#endif  // SLUICE_LIBS_NET_LISTEN_ADDRESS_H_
