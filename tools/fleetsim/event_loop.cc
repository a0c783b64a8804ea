#include "tools/fleetsim/event_loop.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  return std::unique_ptr<EventLoop>(new EventLoop(fd));
}

EventLoop::~EventLoop() { close(fd_); }

absl::Status EventLoop::Add(int fd, uint32_t events, Handler* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0)
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  return absl::OkStatus();
}

void EventLoop::Modify(int fd, uint32_t events, Handler* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Remove(int fd) { epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::Poll(int timeout_ms) {
  epoll_event events[512];
  const int count = epoll_wait(fd_, events, 512, timeout_ms);
  for (int i = 0; i < count; ++i) {
    static_cast<Handler*>(events[i].data.ptr)->OnEvents(events[i].events);
  }
}

absl::Status AllowOpenFiles(int64_t count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::ErrnoToStatus(errno, "getrlimit");
  const rlim_t wanted = static_cast<rlim_t>(count);
  if (limit.rlim_cur >= wanted) return absl::OkStatus();
  rlimit raised = limit;
  raised.rlim_cur = wanted;
  raised.rlim_max = std::max(limit.rlim_max, wanted);
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("so many devices need ", count, " open files, but at most ", limit.rlim_max,
                   " are allowed: take fewer devices, or raise the limit (ulimit -n)"));
}

}  // namespace sluice::fleetsim
