#ifndef SLUICE_SERVICES_INGRESS_COAP_ANSWER_DATAGRAM_H_
#define SLUICE_SERVICES_INGRESS_COAP_ANSWER_DATAGRAM_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/ingress/coap/coap_message.h"

namespace sluice::ingress {

// The type of a message (RFC 7252, 3).
enum class CoapType : uint8_t { kConfirmable = 0, kNonConfirmable = 1, kAcknowledgement = 2 };

// The answer as the bytes of a datagram. `token`: the request's, at most 8 bytes.
std::string EncodeAnswer(CoapType type, uint16_t message_id, absl::string_view token,
                         const CoapAnswer& answer);

std::string EncodeEmptyAcknowledgement(uint16_t message_id);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_ANSWER_DATAGRAM_H_
