#include "libs/journal/sync_thread.h"

#include <utility>

namespace sluice::journal {

SyncThread::SyncThread(const Times& times, std::function<bool()> work)
    : times_(times), work_(std::move(work)), thread_([this] { Run(); }) {}

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

void SyncThread::WakeSoon() {
  if (soon_.exchange(true)) return;
  absl::MutexLock lock(&mutex_);
  changed_.Signal();
}

void SyncThread::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      while (!due_ && !soon_ && !stopping_ &&
             !changed_.WaitWithTimeout(&mutex_, times_.longest_rest)) {
      }
      if (!due_ && !soon_ && stopping_) return;
      while (soon_ && !due_ && !stopping_ && !changed_.WaitWithTimeout(&mutex_, times_.soon)) {
      }
    }
    due_ = false;
    soon_ = false;
    if (!work_() || times_.interval <= absl::ZeroDuration()) continue;
    // Whoever comes after a longer rest finds the interval over.
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), times_.interval);
  }
}

}  // namespace sluice::journal
