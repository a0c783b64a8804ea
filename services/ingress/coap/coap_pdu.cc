#include "services/ingress/coap/coap_pdu.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <string>

namespace sluice::ingress {
namespace {

absl::string_view View(const uint8_t* bytes, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(bytes), size);
}

// The IP address in either family, IPv4 as ::ffff:a.b.c.d.
std::array<uint8_t, 16> IpOf(const coap_address_t& address) {
  std::array<uint8_t, 16> ip{};
  if (address.addr.sa.sa_family == AF_INET) {
    ip[10] = ip[11] = 0xff;
    std::memcpy(&ip[12], &address.addr.sin.sin_addr, 4);
  } else {
    std::memcpy(ip.data(), &address.addr.sin6.sin6_addr, ip.size());
  }
  return ip;
}

CoapPeer PeerOf(const coap_session_t* session) {
  const coap_address_t& address = *coap_session_get_addr_remote(session);
  CoapPeer peer;
  peer.ip = IpOf(address);
  if (address.addr.sa.sa_family == AF_INET) {
    peer.port = ntohs(address.addr.sin.sin_port);
  } else {
    peer.scope = address.addr.sin6.sin6_scope_id;
    peer.port = ntohs(address.addr.sin6.sin6_port);
  }
  return peer;
}

CoapBlock DecodeBlock(uint32_t value) {
  CoapBlock block;
  block.number = value >> 4;
  block.more = (value & 8) != 0;
  block.size_exponent = value & 7;
  return block;
}

void ReadOption(uint16_t number, absl::string_view value, CoapRequest* request) {
  const auto decoded = [&value] {
    return coap_decode_var_bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size());
  };
  switch (number) {
    case COAP_OPTION_URI_PATH:
      request->path.push_back(value);
      break;
    case COAP_OPTION_URI_QUERY:
      request->query.push_back(value);
      break;
    case COAP_OPTION_CONTENT_FORMAT:
      request->content_format = decoded();
      break;
    case COAP_OPTION_ACCEPT:
      request->accept = decoded();
      break;
    case COAP_OPTION_BLOCK1:
      request->block1 = DecodeBlock(decoded());
      break;
    case COAP_OPTION_BLOCK2:
      request->block2 = DecodeBlock(decoded());
      break;
    case COAP_OPTION_SIZE1:
      request->size1 = decoded();
      break;
    case COAP_OPTION_RTAG:
      request->request_tags += static_cast<char>(value.size());
      request->request_tags.append(value.data(), value.size());
      break;
    case COAP_OPTION_IF_MATCH:
    case COAP_OPTION_IF_NONE_MATCH:
      request->condition_option = number;
      break;
    default:
      break;
  }
}

}  // namespace

CoapRequest ReadCoapRequest(const coap_session_t* session, const coap_pdu_t* pdu) {
  CoapRequest request;
  request.key.peer = PeerOf(session);
  request.key.message_id = static_cast<uint16_t>(coap_pdu_get_mid(pdu));
  request.confirmable = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
  request.method = static_cast<CoapMethod>(coap_pdu_get_code(pdu));

  const absl::string_view token = CoapToken(pdu);
  uint64_t fingerprint =
      XXH3_64bits_withSeed(token.data(), token.size(), static_cast<uint64_t>(request.method));
  coap_opt_iterator_t iterator;
  coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
  while (const coap_opt_t* option = coap_option_next(&iterator)) {
    const absl::string_view value = View(coap_opt_value(option), coap_opt_length(option));
    fingerprint =
        XXH3_64bits_withSeed(value.data(), value.size(), fingerprint * 31 + iterator.number);
    ReadOption(iterator.number, value, &request);
  }
  size_t size = 0;
  const uint8_t* bytes = nullptr;
  if (coap_get_data(pdu, &size, &bytes)) request.payload = View(bytes, size);
  request.key.fingerprint =
      XXH3_64bits_withSeed(request.payload.data(), request.payload.size(), fingerprint);
  return request;
}

uint8_t ReadNoResponse(const coap_pdu_t* pdu) {
  coap_opt_iterator_t iterator;
  const coap_opt_t* option = coap_check_option(pdu, COAP_OPTION_NORESPONSE, &iterator);
  if (option == nullptr) return 0;
  return coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
}

absl::string_view CoapToken(const coap_pdu_t* pdu) {
  const coap_bin_const_t token = coap_pdu_get_token(pdu);
  return View(token.s, token.length);
}

CoapLocalAddress LocalAddressOf(const coap_session_t* session) {
  return {IpOf(*coap_session_get_addr_local(session)), coap_session_get_ifindex(session)};
}

coap_pdu_t* ParseDatagram(absl::string_view datagram) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(datagram.data());
  coap_pdu_t* pdu = coap_pdu_init(COAP_MESSAGE_NON, COAP_EMPTY_CODE, /*mid=*/0, datagram.size());
  if (pdu == nullptr) return nullptr;
  if (coap_pdu_parse(COAP_PROTO_UDP, bytes, datagram.size(), pdu) != 0) return pdu;
  coap_delete_pdu(pdu);
  return nullptr;
}

}  // namespace sluice::ingress
