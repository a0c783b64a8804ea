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
  if (soon_.exchange(true) || !rests_) return;
  absl::MutexLock lock(&mutex_);
  changed_.Signal();
}

void SyncThread::Await(bool lively) {
  while (!due_ && !stopping_) {
    rests_ = !lively;
    // It may have come before the others could see that.
    if (rests_ && soon_) {
      lively = true;
      continue;
    }
    const bool is_over =
        changed_.WaitWithTimeout(&mutex_, lively ? times_.soon : times_.longest_rest);
    if (is_over && (soon_ || !lively)) break;
    lively = !is_over;
  }
  rests_ = false;
}

void SyncThread::Run() {
  bool lively = false;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      Await(lively);
      if (!due_ && !soon_ && stopping_) return;
    }
    const bool was_due = due_.exchange(false);
    lively = soon_.exchange(false) || was_due;
    if (!work_() || times_.interval <= absl::ZeroDuration()) continue;
    // Whoever comes after a longer rest finds the interval over.
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), times_.interval);
    // What may wait has gathered meanwhile.
    if (soon_) due_ = true;
  }
}

}  // namespace sluice::journal
