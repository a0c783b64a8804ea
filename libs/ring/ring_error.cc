#include "libs/ring/ring_error.h"

namespace sluice::ring {

const char* RingErrorText(RingError error) {
  switch (error) {
    case RingError::kNone:
      return "no error";
    case RingError::kFull:
      return "the ring is full";
    case RingError::kTooLarge:
      return "the record is too large for the ring";
    case RingError::kReplaced:
      return "the ring's file was deleted or replaced";
    case RingError::kBusy:
      return "another producer has the ring";
    case RingError::kForeign:
      return "the file is not a ring: move it away";
    case RingError::kNewer:
      return "the ring was made by a newer version";
    case RingError::kNoSpace:
      return "not enough disk space for the ring";
    case RingError::kTooManyOld:
      return "too many older rings are not drained yet: start the reader";
    case RingError::kBadOptions:
      return "the ring's capacity or path is out of range";
    case RingError::kNotOpen:
      return "the ring is not open";
    case RingError::kSystem:
      return "a system call on the ring's file failed";
  }
  return "unknown error";
}

}  // namespace sluice::ring
