#ifndef SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_REPLAY_H_
#define SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_REPLAY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/dead_letters/dead_letter_log.h"
#include "services/ingress/intake/journal_intake.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// Hands dead letters to the intake once more: what ReplayDeadLetters answers.
//
// Letters are taken in first, then awaited on disk, then marked as replayed: one call after the
// other, so no letter comes twice, unless the call or the process ends in between. Then those that
// were taken in are still there, and are taken in again by the next replay.
//
// Thread-safe.
class DeadLetterReplay {
 public:
  // Both must outlive it.
  DeadLetterReplay(const DeadLetterLog* log, JournalIntake* intake) : log_(log), intake_(intake) {}

  // Waits until what the receipt names is on disk, or says why it did not.
  using AwaitDurable = std::function<absl::Status(const Receipt&)>;

  // INVALID_ARGUMENT: offsets, filter, page_size, page_token. ABORTED: another replay is under way.
  // RESOURCE_EXHAUSTED: too many letters are marked. Errors of `await_durable` and of the disk:
  // what was taken in may be taken in again.
  absl::StatusOr<v1::ReplayDeadLettersResponse> Run(const v1::ReplayDeadLettersRequest& request,
                                                    const AwaitDurable& await_durable);

 private:
  // What one call takes in, with a result each.
  class Round;

  absl::StatusOr<v1::ReplayDeadLettersResponse> RunOffsets(
      const v1::ReplayDeadLettersRequest& request, const AwaitDurable& await_durable);
  absl::StatusOr<v1::ReplayDeadLettersResponse> RunFilter(
      const v1::ReplayDeadLettersRequest& request, const AwaitDurable& await_durable);

  absl::Status CheckRoom(size_t letters) const;

  const DeadLetterLog* const log_;
  JournalIntake* const intake_;
  // Held by the call that replays.
  absl::Mutex mutex_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_REPLAY_H_
