#ifndef SLUICE_SERVICES_INGRESS_COAP_COAP_PDU_H_
#define SLUICE_SERVICES_INGRESS_COAP_COAP_PDU_H_

#include <coap3/coap.h>

#include <cstdint>

#include "absl/strings/string_view.h"
#include "services/ingress/coap/coap_message.h"

namespace sluice::ingress {

// Between libcoap's messages and ours. Called on the thread that owns the session.

// The request has views of `pdu`.
CoapRequest ReadCoapRequest(const coap_session_t* session, const coap_pdu_t* pdu);

// The value of its No-Response option (RFC 7967), or 0.
uint8_t ReadNoResponse(const coap_pdu_t* pdu);

absl::string_view CoapToken(const coap_pdu_t* pdu);

// Where the last datagram of the session arrived.
CoapLocalAddress LocalAddressOf(const coap_session_t* session);

// The message that a datagram holds, for coap_send; nullptr if there is no memory.
coap_pdu_t* ParseDatagram(absl::string_view datagram);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_COAP_PDU_H_
