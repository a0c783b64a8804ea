#include "services/ingress/coap/coap_pdu.h"

#include <xxhash.h>

#include <cstring>
#include <string>

namespace sluice::ingress {
namespace {

absl::string_view View(const uint8_t* bytes, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(bytes), size);
}

CoapPeer PeerOf(const coap_session_t* session) {
  const coap_address_t* address = coap_session_get_addr_remote(session);
  CoapPeer peer;
  if (address->addr.sa.sa_family == AF_INET) {
    peer.ip[10] = peer.ip[11] = 0xff;
    std::memcpy(&peer.ip[12], &address->addr.sin.sin_addr, 4);
    peer.port = ntohs(address->addr.sin.sin_port);
  } else {
    std::memcpy(peer.ip.data(), &address->addr.sin6.sin6_addr, 16);
    peer.scope = address->addr.sin6.sin6_scope_id;
    peer.port = ntohs(address->addr.sin6.sin6_port);
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

uint32_t EncodeBlock(const CoapBlock& block) {
  return block.number << 4 | (block.more ? 8 : 0) | block.size_exponent;
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

void AddUint(coap_pdu_t* pdu, uint16_t option, uint32_t value) {
  uint8_t bytes[4];
  const unsigned int size = coap_encode_var_safe(bytes, sizeof(bytes), value);
  coap_add_option(pdu, option, size, bytes);
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

void WriteCoapAnswer(const CoapAnswer& answer, coap_pdu_t* pdu) {
  coap_pdu_set_code(pdu, static_cast<coap_pdu_code_t>(answer.code));
  // In the order of their numbers, as libcoap appends.
  if (answer.content_format) AddUint(pdu, COAP_OPTION_CONTENT_FORMAT, *answer.content_format);
  if (answer.max_age_seconds) AddUint(pdu, COAP_OPTION_MAXAGE, *answer.max_age_seconds);
  if (answer.block2) AddUint(pdu, COAP_OPTION_BLOCK2, EncodeBlock(*answer.block2));
  if (answer.block1) AddUint(pdu, COAP_OPTION_BLOCK1, EncodeBlock(*answer.block1));
  if (answer.size2) AddUint(pdu, COAP_OPTION_SIZE2, *answer.size2);
  if (answer.size1) AddUint(pdu, COAP_OPTION_SIZE1, *answer.size1);
  if (!answer.payload.empty()) {
    coap_add_data(pdu, answer.payload.size(),
                  reinterpret_cast<const uint8_t*>(answer.payload.data()));
  }
}

}  // namespace sluice::ingress
