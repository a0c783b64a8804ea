#ifndef SLUICE_LIBS_RPC_STREAM_GATE_H_
#define SLUICE_LIBS_RPC_STREAM_GATE_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace sluice::rpc {

// Counts the open streams of a server, each of which occupies a thread, and tells them when to end.
// Thread-safe.
class StreamGate {
 public:
  // Held by a handler for as long as its stream is open.
  class Pass {
   public:
    explicit Pass(StreamGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;
    ~Pass();

   private:
    StreamGate* gate_;
  };

  explicit StreamGate(int max_streams) : max_streams_(max_streams) {}

  // RESOURCE_EXHAUSTED: max_streams are open. UNAVAILABLE: the server is shutting down.
  absl::StatusOr<Pass> Enter();

  // From now on Enter fails and stopping() is true; open streams must look at it at least every 200
  // ms.
  void Stop();
  bool stopping() const;

  int open() const;

 private:
  const int max_streams_;
  mutable absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_STREAM_GATE_H_
