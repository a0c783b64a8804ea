#ifndef SLUICE_SERVICES_INGRESS_TELEMETRY_DEAD_LETTER_PAGES_H_
#define SLUICE_SERVICES_INGRESS_TELEMETRY_DEAD_LETTER_PAGES_H_

#include "absl/status/statusor.h"
#include "libs/journal/journal.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// One page of the dead-letter log, the oldest first: what ListDeadLetters answers. A page ends
// early when it holds about 1 MiB. INVALID_ARGUMENT: page_size, page_token.
absl::StatusOr<v1::ListDeadLettersResponse> ListDeadLetters(
    const v1::ListDeadLettersRequest& request, Journal* dead_letters);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TELEMETRY_DEAD_LETTER_PAGES_H_
