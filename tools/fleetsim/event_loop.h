#ifndef SLUICE_TOOLS_FLEETSIM_EVENT_LOOP_H_
#define SLUICE_TOOLS_FLEETSIM_EVENT_LOOP_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::fleetsim {

// Waits for many sockets at once (epoll, level-triggered). Not thread-safe.
class EventLoop {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // `events` as of epoll_wait. May remove its own socket, no other.
    virtual void OnEvents(uint32_t events) = 0;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // `handler` outlives its registration. The socket stays the caller's.
  absl::Status Add(int fd, uint32_t events, Handler* handler);
  void Modify(int fd, uint32_t events, Handler* handler);
  void Remove(int fd);

  // Waits for at most timeout_ms and calls the handlers of what is ready.
  void Poll(int timeout_ms);

 private:
  explicit EventLoop(int fd) : fd_(fd) {}
  const int fd_;
};

// Makes room for `count` open files; RESOURCE_EXHAUSTED says how many there may be.
absl::Status AllowOpenFiles(int64_t count);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_EVENT_LOOP_H_
