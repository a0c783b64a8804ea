#ifndef SLUICE_SERVICES_INGRESS_TELEMETRY_PUBLISH_H_
#define SLUICE_SERVICES_INGRESS_TELEMETRY_PUBLISH_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ingress/intake/journal_intake.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// About how much memory a PublishTelemetry call takes.
int64_t MemoryOf(const v1::PublishTelemetryRequest& request);

// Takes the messages of a PublishTelemetry call in, and sets in them what is output only; they are
// not on disk yet. `last` becomes the receipt that is the last to become durable. INVALID_ARGUMENT
// if the batch is empty or too large. When a message cannot be written now those behind it are not
// tried, so that none overtakes it; if it is the first one, that status is returned, with a
// google.rpc.RetryInfo. When a device is over its rate the others' are taken; further ones of its
// own are over it likewise.
absl::StatusOr<v1::PublishTelemetryResponse> PublishAll(v1::PublishTelemetryRequest* request,
                                                        const Moment& received,
                                                        JournalIntake* intake, Receipt* last);

// Waits until what the receipt names is on disk, at most until `remaining` says that no time is
// left; looks at `given_up` (the caller went, or the server stops) several times a second.
// DEADLINE_EXCEEDED, CANCELLED: what was taken in may reach the disk all the same.
absl::Status AwaitDurable(const JournalIntake& intake, const Receipt& receipt,
                          const std::function<absl::Duration()>& remaining,
                          const std::function<bool()>& given_up);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TELEMETRY_PUBLISH_H_
