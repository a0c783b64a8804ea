#ifndef SLUICE_LIBS_JOURNAL_UNWRITTEN_H_
#define SLUICE_LIBS_JOURNAL_UNWRITTEN_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "libs/file/file_system.h"

namespace sluice::journal {

// Tells what of a file that was filled with zeros was written since. One thread at a time.

// The position of the first byte in [from, to) that is not zero, or `to`; a file that ends earlier
// counts as zeros.
absl::StatusOr<int64_t> FirstNonZero(File* file, int64_t from, int64_t to);

// Whether [from, to) holds a sector of zeros, or the rest of one at its beginning. A disk that
// loses power writes a sector whole or not at all, and of those that were not synced any may be
// missing.
absl::StatusOr<bool> HasUnwrittenSector(File* file, int64_t from, int64_t to);

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_UNWRITTEN_H_
