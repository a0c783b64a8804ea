#ifndef SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_MESSAGE_H_
#define SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_MESSAGE_H_

#include "absl/status/statusor.h"
#include "services/ingress/intake/inbound_message.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// The message that a dead letter was, as its source handed it on: its time is when it came first,
// its uptime -infinite (it says nothing of the device now), its QoS 1, its kind what its address
// says. It has no place in a ring. Its views live as long as `letter`. FAILED_PRECONDITION: not all
// of the payload was kept, or a message id that was not UTF-8.
absl::StatusOr<InboundMessage> MessageOf(const v1::DeadLetter& letter);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_MESSAGE_H_
