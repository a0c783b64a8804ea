#ifndef SLUICE_LIBS_SUBSCRIPTION_START_POSITION_H_
#define SLUICE_LIBS_SUBSCRIPTION_START_POSITION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "libs/journal/journal.h"
#include "libs/subscription/subscription_store.h"

namespace sluice {

// The offset that `start` means in `journal` now. For kDefault and kResume the caller decides:
// INVALID_ARGUMENT here. OUT_OF_RANGE: an offset beyond the durable end. May read the disk (kTime).
absl::StatusOr<int64_t> ResolveStart(const StartPosition& start, const Journal& journal);

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_START_POSITION_H_
