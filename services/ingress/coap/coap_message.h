#ifndef SLUICE_SERVICES_INGRESS_COAP_COAP_MESSAGE_H_
#define SLUICE_SERVICES_INGRESS_COAP_COAP_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "services/ingress/coap/response_code.h"

namespace sluice::ingress {

// Where a datagram came from.
struct CoapPeer {
  std::array<uint8_t, 16> ip{};  // IPv4 as ::ffff:a.b.c.d
  uint32_t scope = 0;            // of a link-local address
  uint16_t port = 0;

  friend bool operator==(const CoapPeer& a, const CoapPeer& b) {
    return a.ip == b.ip && a.scope == b.scope && a.port == b.port;
  }
  template <typename H>
  friend H AbslHashValue(H h, const CoapPeer& peer) {
    return H::combine(std::move(h), peer.ip, peer.scope, peer.port);
  }
};

// Where on this machine a datagram arrived: what answers it leaves from there.
struct CoapLocalAddress {
  std::array<uint8_t, 16> ip{};  // IPv4 as ::ffff:a.b.c.d
  int interface = 0;             // its index
};

// What makes a message the same one sent again (RFC 7252, 4.2). Message ids have 16 bits and come
// round after seconds at a high rate, so the content counts too.
struct CoapMessageKey {
  CoapPeer peer;
  uint16_t message_id = 0;
  uint64_t fingerprint = 0;  // of method, token, options and payload

  friend bool operator==(const CoapMessageKey& a, const CoapMessageKey& b) {
    return a.peer == b.peer && a.message_id == b.message_id && a.fingerprint == b.fingerprint;
  }
  template <typename H>
  friend H AbslHashValue(H h, const CoapMessageKey& key) {
    return H::combine(std::move(h), key.peer, key.message_id, key.fingerprint);
  }
};

// A Block1 or Block2 option (RFC 7959, 2.2).
struct CoapBlock {
  uint32_t number = 0;  // 20 bits
  bool more = false;
  uint8_t size_exponent = 0;  // 0 to 6; 7 is reserved

  size_t size_bytes() const { return size_t{16} << size_exponent; }
  friend bool operator==(const CoapBlock& a, const CoapBlock& b) {
    return a.number == b.number && a.more == b.more && a.size_exponent == b.size_exponent;
  }
};

enum class CoapMethod : uint8_t { kGet = 1, kPost = 2, kPut = 3, kDelete = 4 };

// A request that came in. The views live as long as the call they are passed to.
struct CoapRequest {
  CoapMessageKey key;
  bool confirmable = false;
  CoapMethod method = CoapMethod::kGet;
  absl::InlinedVector<absl::string_view, 6> path;
  absl::InlinedVector<absl::string_view, 2> query;
  absl::optional<uint16_t> content_format;
  absl::optional<uint16_t> accept;
  absl::optional<CoapBlock> block1;
  absl::optional<CoapBlock> block2;
  absl::optional<uint32_t> size1;
  // Every Request-Tag (RFC 9175), each after a byte with its length.
  std::string request_tags;
  // A conditional option that came along (If-Match, If-None-Match), or 0.
  uint16_t condition_option = 0;
  absl::string_view payload;
};

// The answer to a request.
struct CoapAnswer {
  CoapCode code = CoapCode::kInternalError;
  // The representation, or of an error a text for people (RFC 7252, 5.5.2).
  std::string payload;
  absl::optional<uint16_t> content_format;
  absl::optional<uint32_t> max_age_seconds;
  absl::optional<CoapBlock> block1;
  absl::optional<CoapBlock> block2;
  absl::optional<uint32_t> size1;
  absl::optional<uint32_t> size2;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_COAP_MESSAGE_H_
