#ifndef SLUICE_SERVICES_ANALYTICS_ANALYSIS_PERIODIC_TASK_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYSIS_PERIODIC_TASK_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::analytics {

// Does something again and again on a thread of its own, until it is destroyed. The pause between
// the end of one time and the start of the next is `pause`; the first time comes after one.
class PeriodicTask {
 public:
  PeriodicTask(absl::Duration pause, std::function<void()> task);
  // Waits for the task if it is under way.
  ~PeriodicTask();
  PeriodicTask(const PeriodicTask&) = delete;
  PeriodicTask& operator=(const PeriodicTask&) = delete;

 private:
  void Loop(absl::Duration pause, const std::function<void()>& task);

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYSIS_PERIODIC_TASK_H_
