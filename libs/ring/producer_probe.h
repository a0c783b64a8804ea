#ifndef SLUICE_LIBS_RING_PRODUCER_PROBE_H_
#define SLUICE_LIBS_RING_PRODUCER_PROBE_H_

#include <string>

#include "absl/status/statusor.h"

namespace sluice::ring {

// Whether a producer has the ring at `path` open now: asks for its lock, for a moment.
// PERMISSION_DENIED and the like: that cannot be known.
absl::StatusOr<bool> HasProducer(const std::string& path);

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_PRODUCER_PROBE_H_
