#ifndef SLUICE_LIBS_RING_RING_ERROR_H_
#define SLUICE_LIBS_RING_RING_ERROR_H_

namespace sluice::ring {

// Why the producer's side refused something. Needs no C++ runtime library.
enum class RingError : int {
  kNone = 0,
  // No room until the reader has drained more. Passes.
  kFull,
  // A record larger than max_content_bytes(). Never passes.
  kTooLarge,
  // Another file, or none, stands at the path.
  kReplaced,
  // Another producer has the ring.
  kBusy,
  // The file at the path is not a ring.
  kForeign,
  // The ring at the path is of a newer format.
  kNewer,
  // The disk (or a quota or limit) does not have the space.
  kNoSpace,
  // Too many older rings wait to be drained.
  kTooManyOld,
  // Capacity or path out of range.
  kBadOptions,
  // Open() was not called or failed.
  kNotOpen,
  // A system call failed; see errno.
  kSystem,
};

// In words; a literal.
const char* RingErrorText(RingError error);

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_ERROR_H_
