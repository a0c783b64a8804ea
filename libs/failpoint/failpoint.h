#ifndef SLUICE_LIBS_FAILPOINT_FAILPOINT_H_
#define SLUICE_LIBS_FAILPOINT_FAILPOINT_H_

#include <atomic>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::failpoint {

// Places at which a test has the process killed, stopped or held up (docs/reliability.md). They are
// in every build, and cost one relaxed load as long as nothing is armed. Each name says what comes
// next, or what has just been done.
enum class Point {
  kAppend,        // journal.append: a record is about to be written
  kAppended,      // journal.appended
  kSync,          // journal.sync: what was written is about to be fsynced
  kSynced,        // journal.synced: and nobody was told yet
  kCursor,        // cursor.write: subscriptions' cursors are about to be stored
  kCursorStored,  // cursor.written
  kSend,          // stream.send: a batch is about to be sent to a subscriber
  kSent,          // stream.sent
  kAcknowledge,   // subscriber.acknowledge: a subscriber's acknowledgement has come
  kAcknowledged,  // subscriber.acknowledged: and is about to be answered
  kTail,          // ring.tail: what is durable is about to be given back to the broker's plugin
  kTailMoved,     // ring.tail_moved
};

// Arms what the environment variable SLUICE_FAILPOINTS lists: NAME:NTH:ACTION, separated by commas.
// At the NTH time that the process comes to the place (1: the first) it does the action, once:
//   kill   SIGKILL to itself
//   stop   SIGSTOP to itself
//   sleep  the thread sleeps for a second
// INVALID_ARGUMENT names what is wrong; nothing is armed then. To be called before other threads
// run. Returns with nothing armed if the variable is not set.
absl::Status ArmFromEnvironment();
// The same of a given list.
absl::Status Arm(absl::string_view list);

namespace internal {
extern std::atomic<bool> armed;
void ReachArmed(Point point);
}  // namespace internal

// Where the code comes to a place. Thread-safe.
inline void Reach(Point point) {
  if (internal::armed.load(std::memory_order_relaxed)) internal::ReachArmed(point);
}

}  // namespace sluice::failpoint

#endif  // SLUICE_LIBS_FAILPOINT_FAILPOINT_H_
