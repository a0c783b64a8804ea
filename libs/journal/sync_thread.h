#ifndef SLUICE_LIBS_JOURNAL_SYNC_THREAD_H_
#define SLUICE_LIBS_JOURNAL_SYNC_THREAD_H_

#include <atomic>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::journal {

// Calls `work` on a thread of its own after each Wake, once for all that came while it ran; after
// a WakeSoon at most `soon` later, so that more may gather. After a call that returned true (it has
// synced) the next one comes `interval` later at the earliest; after `longest_rest` without a Wake
// there is a call all the same.
class SyncThread {
 public:
  struct Times {
    absl::Duration interval = absl::ZeroDuration();
    absl::Duration soon = absl::ZeroDuration();
    absl::Duration longest_rest = absl::InfiniteDuration();
  };

  SyncThread(const Times& times, std::function<bool()> work);
  // Calls `work` once more if there was a Wake since, without regard to the interval, and joins.
  ~SyncThread();

  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  // Thread-safe; costs next to nothing while work is due already, and WakeSoon also for a while
  // after work was done: then the thread looks by itself.
  void Wake();
  void WakeSoon();

 private:
  void Run();
  // Returns once it is time for work; `lively`: more is likely to come.
  void Await(bool lively) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Times times_;
  const std::function<bool()> work_;
  std::atomic<bool> due_{false};
  std::atomic<bool> soon_{false};
  // The thread waits for longer than `soon`.
  std::atomic<bool> rests_{true};
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_SYNC_THREAD_H_
