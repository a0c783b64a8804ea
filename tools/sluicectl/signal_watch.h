#ifndef SLUICE_TOOLS_SLUICECTL_SIGNAL_WATCH_H_
#define SLUICE_TOOLS_SLUICECTL_SIGNAL_WATCH_H_

#include <thread>

#include "tools/sluicectl/interruption.h"

namespace sluice::sluicectl {

// While this lives, the first SIGINT or SIGTERM raises `interruption` (on a thread of this object's
// own) instead of ending the process; a second one of the same kind ends it. One at a time in a
// process.
class SignalWatch {
 public:
  explicit SignalWatch(Interruption* interruption);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  int pipe_[2];
  std::thread thread_;
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_SIGNAL_WATCH_H_
