#include "services/analytics/analysis/periodic_task.h"

#include <utility>

namespace sluice::analytics {

PeriodicTask::PeriodicTask(absl::Duration pause, std::function<void()> task)
    : thread_([this, pause, task = std::move(task)] { Loop(pause, task); }) {}

PeriodicTask::~PeriodicTask() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void PeriodicTask::Loop(absl::Duration pause, const std::function<void()>& task) {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause)) return;
    }
    task();
  }
}

}  // namespace sluice::analytics
