#ifndef SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_STORE_H_
#define SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"

namespace sluice {

// A named subscription as it stands (sluice.v1.Subscription has the meaning of the fields).
struct SubscriptionInfo {
  std::string name;
  int64_t cursor = 0;
  int64_t epoch = 0;
  absl::Duration expire_after = absl::InfiniteDuration();
  absl::Time create_time;
  absl::Time last_used_time;
  int64_t lag_records = 0;
  int64_t lag_bytes = 0;
  // Append time of the oldest record that is not acknowledged; nothing if there is none.
  absl::optional<absl::Time> oldest_time;
  // Its age: 0 if there is none, or the wall clock went back.
  absl::Duration oldest_age;
  bool connected = false;
};

// Where a stream begins (sluice.v1.Start).
struct StartPosition {
  enum class Kind { kDefault, kEarliest, kLatest, kResume, kOffset, kTime };
  Kind kind = Kind::kDefault;
  int64_t offset = 0;  // kOffset
  absl::Time time;     // kTime
};

// One open stream of a subscription, or of none. Owned by the stream.
struct StreamTicket {
  std::string name;    // empty: a stream without a name
  int64_t epoch = 0;   // 0 for a stream without a name
  int64_t start = 0;   // first offset to send
  int64_t stream = 0;  // tells the streams of this process apart; 0 for a stream without a name
};

// The named subscriptions of one journal. Their cursors are on disk (the file `subscriptions` in
// the journal's directory, replaced atomically) before a call that changes them returns; concurrent
// changes share one write. Keeps the journal's retention point at the lowest cursor.
//
// If the file is of another journal id (the log was wiped) its cursors start anew at 0.
// Thread-safe.
class SubscriptionStore {
 public:
  // `journal` and `clock` must outlive it. FAILED_PRECONDITION: the file's format is newer.
  // DATA_LOSS: unreadable.
  static absl::StatusOr<std::unique_ptr<SubscriptionStore>> Open(const std::string& path,
                                                                 Journal* journal,
                                                                 const Clock* clock,
                                                                 int max_subscriptions);
  virtual ~SubscriptionStore() = default;

  // ALREADY_EXISTS, INVALID_ARGUMENT (name, expire_after, start), RESOURCE_EXHAUSTED.
  virtual absl::StatusOr<SubscriptionInfo> Create(absl::string_view name,
                                                  const StartPosition& start,
                                                  absl::Duration expire_after) = 0;
  // In order of their names, those after `after_name`, at most `limit`. Looks up the journal's
  // oldest unacknowledged record for each whose cursor has moved since the last time.
  virtual std::vector<SubscriptionInfo> List(absl::string_view after_name, int limit) = 0;
  // Moves the cursor in either direction, on disk, and raises the epoch: a stream of it finds
  // itself superseded, and its acknowledgements are refused. What is to be read again is held back
  // from then on; what is gone already shows as a gap. NOT_FOUND; INVALID_ARGUMENT: `start` is no
  // position of its own; OUT_OF_RANGE: beyond the durable end.
  virtual absl::StatusOr<SubscriptionInfo> Seek(absl::string_view name,
                                                const StartPosition& start) = 0;
  // NOT_FOUND. A stream of it finds itself superseded.
  virtual absl::Status Delete(absl::string_view name) = 0;

  // Opens a stream: makes the subscription at first use, raises its epoch (on disk) so that an
  // older stream finds itself superseded. An empty name gives a ticket that holds nothing back.
  // FAILED_PRECONDITION, OUT_OF_RANGE (see sluice.v1.Start), INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
  virtual absl::StatusOr<StreamTicket> OpenStream(absl::string_view name,
                                                  const StartPosition& start) = 0;
  // Whether a newer stream was opened for the ticket's name, or the subscription was moved or
  // deleted.
  virtual bool Superseded(const StreamTicket& ticket) const = 0;
  virtual void CloseStream(const StreamTicket& ticket) = 0;

  // Moves a cursor forward, never back, and returns it, on disk. `epoch` 0 is not checked.
  // NOT_FOUND; OUT_OF_RANGE: another journal's; ABORTED: a newer epoch is there; INVALID_ARGUMENT:
  // beyond the durable offset. An offset below the cursor is ignored.
  virtual absl::StatusOr<int64_t> Acknowledge(absl::string_view name, absl::string_view journal_id,
                                              int64_t epoch, int64_t offset) = 0;

  // Deletes the subscriptions whose expire_after has passed, but none before this process has run
  // for an hour, or for expire_after if that is shorter: who could not come while the box was off
  // gets his chance. Writes down last_used_time of those that are in use. Call it now and then, at
  // least once a minute. What cannot be written down is tried again by the next call.
  virtual void ExpireIdle() = 0;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_STORE_H_
