#ifndef SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_PURGE_H_
#define SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_PURGE_H_

#include "absl/status/statusor.h"
#include "services/ingress/dead_letters/dead_letter_log.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// What PurgeDeadLetters answers; on disk then. INVALID_ARGUMENT: nothing says which, a negative
// offset, no time. OUT_OF_RANGE: an offset beyond the durable end.
absl::StatusOr<v1::PurgeDeadLettersResponse> PurgeDeadLetters(
    const v1::PurgeDeadLettersRequest& request, const DeadLetterLog& log);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_PURGE_H_
