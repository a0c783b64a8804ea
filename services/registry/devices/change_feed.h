#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_CHANGE_FEED_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_CHANGE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::registry {

struct ChangeFeedStats {
  int64_t watchers = 0;           // now
  int64_t overflowed = 0;         // watchers that fell too far behind, since the start
  int64_t skipped_last_seen = 0;  // see ChangeFeed, since the start
};

// Tells watchers which devices changed. It hands out ids only: the watcher reads the device as it
// is then, so that it never goes back in time, and several changes that it has not taken yet are
// one.
//
// Each watcher has a queue of `max_pending` ids. A change that finds it full ends that watcher.
// What changed is last_seen alone waits for half of the queue only and is skipped beyond (the next
// sighting tells it again), so that a busy fleet does not end a watcher. Thread-safe; outlives its
// watchers.
class ChangeFeed {
 public:
  class Watcher {
   public:
    ~Watcher();

    // Waits for a change, `timeout` at the most; returns up to `max` ids in the order of their
    // first untold change, none if nothing changed. ABORTED: it fell too far behind. One thread at
    // a time.
    absl::StatusOr<std::vector<std::string>> Next(size_t max, absl::Duration timeout);

    // Ids that wait.
    size_t pending() const;

   private:
    friend class ChangeFeed;
    Watcher(ChangeFeed* feed, bool include_last_seen)
        : feed_(feed), include_last_seen_(include_last_seen) {}

    ChangeFeed* const feed_;
    const bool include_last_seen_;
    // All guarded by feed_->mutex_.
    std::deque<std::string> queue_;
    absl::flat_hash_set<std::string> queued_;
    bool overflowed_ = false;
    absl::CondVar changed_;
  };

  explicit ChangeFeed(size_t max_pending) : max_pending_(max_pending) {}

  // Every change published from now on reaches the watcher. To get a state and its changes without
  // a gap: watch first, then read the state.
  std::unique_ptr<Watcher> Watch(bool include_last_seen);

  // Call after the change can be read. The device was created, changed or deleted.
  void Publish(absl::string_view id);
  // Its last_seen moved, and nothing else.
  void PublishLastSeen(absl::string_view id);

  ChangeFeedStats stats() const;

 private:
  void Add(absl::string_view id, bool last_seen_only);

  const size_t max_pending_;
  mutable absl::Mutex mutex_;
  std::vector<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
  ChangeFeedStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_CHANGE_FEED_H_
