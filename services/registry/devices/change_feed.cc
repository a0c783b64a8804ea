#include "services/registry/devices/change_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::registry {

ChangeFeed::Watcher::~Watcher() {
  absl::MutexLock lock(&feed_->mutex_);
  auto& watchers = feed_->watchers_;
  watchers.erase(std::find(watchers.begin(), watchers.end(), this));
}

absl::StatusOr<std::vector<std::string>> ChangeFeed::Watcher::Next(size_t max,
                                                                   absl::Duration timeout) {
  absl::MutexLock lock(&feed_->mutex_);
  // A spurious wake-up ends the wait early, which the contract allows: nothing changed.
  if (queue_.empty() && !overflowed_) changed_.WaitWithTimeout(&feed_->mutex_, timeout);
  if (overflowed_) {
    return absl::AbortedError(absl::StrCat("the watcher fell more than ", feed_->max_pending_,
                                           " changes behind: watch anew"));
  }
  std::vector<std::string> ids;
  while (!queue_.empty() && ids.size() < max) {
    queued_.erase(queue_.front());
    ids.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return ids;
}

size_t ChangeFeed::Watcher::pending() const {
  absl::MutexLock lock(&feed_->mutex_);
  return queue_.size();
}

std::unique_ptr<ChangeFeed::Watcher> ChangeFeed::Watch(bool include_last_seen) {
  std::unique_ptr<Watcher> watcher(new Watcher(this, include_last_seen));
  absl::MutexLock lock(&mutex_);
  watchers_.push_back(watcher.get());
  return watcher;
}

void ChangeFeed::Publish(absl::string_view id) { Add(id, false); }

void ChangeFeed::PublishLastSeen(absl::string_view id) { Add(id, true); }

void ChangeFeed::Add(absl::string_view id, bool last_seen_only) {
  absl::MutexLock lock(&mutex_);
  for (Watcher* watcher : watchers_) {
    if (watcher->overflowed_ || (last_seen_only && !watcher->include_last_seen_)) continue;
    if (watcher->queued_.contains(id)) continue;
    if (last_seen_only && watcher->queue_.size() >= max_pending_ / 2) {
      ++stats_.skipped_last_seen;
      continue;
    }
    if (watcher->queue_.size() >= max_pending_) {
      watcher->overflowed_ = true;
      watcher->queue_.clear();
      watcher->queued_.clear();
      ++stats_.overflowed;
    } else {
      watcher->queue_.emplace_back(id);
      watcher->queued_.emplace(id);
    }
    watcher->changed_.Signal();
  }
}

ChangeFeedStats ChangeFeed::stats() const {
  absl::MutexLock lock(&mutex_);
  ChangeFeedStats stats = stats_;
  stats.watchers = static_cast<int64_t>(watchers_.size());
  return stats;
}

}  // namespace sluice::registry
