#include "libs/journal/sync_thread.h"

#include <utility>

namespace sluice::journal {

SyncThread::SyncThread(absl::Duration interval, std::function<bool()> work,
                       absl::Duration longest_rest)
    : interval_(interval),
      longest_rest_(longest_rest),
      work_(std::move(work)),
      thread_([this] { Run(); }) {}

SyncThread::~SyncThread() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void SyncThread::Wake() {
  if (due_.exchange(true)) return;
  absl::MutexLock lock(&mutex_);
  changed_.Signal();
}

void SyncThread::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      while (!due_ && !stopping_ && !changed_.WaitWithTimeout(&mutex_, longest_rest_)) {
      }
      if (!due_ && stopping_) return;
    }
    due_ = false;
    if (!work_() || interval_ <= absl::ZeroDuration()) continue;
    // Whoever comes after a longer rest finds the interval over.
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval_);
  }
}

}  // namespace sluice::journal
