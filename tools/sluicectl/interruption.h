#ifndef SLUICE_TOOLS_SLUICECTL_INTERRUPTION_H_
#define SLUICE_TOOLS_SLUICECTL_INTERRUPTION_H_

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::sluicectl {

// Whether the user wants this to end. Raised once, never taken back. Thread-safe.
class Interruption {
 public:
  // `signal` is what the user sent, not 0.
  void Raise(int signal);

  // 0: not raised.
  int signal() const;
  bool raised() const { return signal() != 0; }

  // Returns when it is raised or `timeout` is over; whether it is raised.
  bool WaitFor(absl::Duration timeout) const;

  // While this lives (one at a time), raising, now or before, calls `listener` once; it must be
  // quick.
  class Listener {
   public:
    Listener(Interruption* interruption, std::function<void()> listener);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    Interruption* const interruption_;
  };

 private:
  mutable absl::Mutex mutex_;
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> listener_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_INTERRUPTION_H_
