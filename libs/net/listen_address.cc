#include "libs/net/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/status/field_violation.h"

namespace sluice {

std::string ListenAddress::ToString() const {
  return is_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text, absl::string_view field) {
  const size_t colon = text.rfind(':');
  ListenAddress address;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(text.substr(colon + 1), &address.port) || address.port < 0 ||
      address.port > 65535) {
    return InvalidField(field,
                        absl::StrCat("is '", text, "'; must be ADDRESS:PORT, the port 0 to 65535"));
  }
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]")) address.is_ipv6 = true;
  address.host = std::string(host);
  in_addr v4;
  in6_addr v6;
  if (!address.is_ipv6 && inet_pton(AF_INET, address.host.c_str(), &v4) == 1) {
    address.is_loopback = (ntohl(v4.s_addr) >> 24) == 127;
  } else if (address.is_ipv6 && inet_pton(AF_INET6, address.host.c_str(), &v6) == 1) {
    address.is_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
  } else {
    return InvalidField(field,
                        absl::StrCat("is '", text,
                                     "'; the address must be numeric, e.g. 127.0.0.1:7101 or "
                                     "[::1]:7101"));
  }
  return address;
}

absl::Status ValidateLoopback(absl::string_view text, absl::string_view field) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(text, field);
  if (!address.ok()) return address.status();
  if (!address->is_loopback) {
    return InvalidField(field,
                        absl::StrCat("is '", text,
                                     "'; must be a loopback address: there are no credentials "
                                     "yet, so anybody could use it"));
  }
  return absl::OkStatus();
}

}  // namespace sluice
