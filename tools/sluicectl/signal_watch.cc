#include "tools/sluicectl/signal_watch.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace sluice::sluicectl {
namespace {

// The pipe's end that the handler writes to: handlers can reach nothing else.
std::atomic<int> signal_pipe{-1};

void Forward(int signal) {
  const int saved_errno = errno;
  const char byte = static_cast<char>(signal);
  // The pipe is empty but for the other signal's byte, so this cannot fail for want of room.
  if (write(signal_pipe.load(), &byte, 1) != 1) _exit(128 + signal);
  errno = saved_errno;
}

}  // namespace

SignalWatch::SignalWatch(Interruption* interruption) {
  if (pipe2(pipe_, O_CLOEXEC) != 0) {
    // Without a pipe the signals keep their default action: the process ends at once.
    pipe_[0] = pipe_[1] = -1;
    return;
  }
  signal_pipe.store(pipe_[1]);
  thread_ = std::thread([this, interruption] {
    char signal = 0;
    while (true) {
      const ssize_t count = read(pipe_[0], &signal, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count != 1 || signal == 0) return;
      interruption->Raise(signal);
    }
  });
  struct sigaction action {};
  action.sa_handler = Forward;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

SignalWatch::~SignalWatch() {
  if (!thread_.joinable()) return;
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  const char end = 0;
  // Nobody but this thread writes now; one byte always fits.
  while (write(pipe_[1], &end, 1) < 0 && errno == EINTR) {
  }
  thread_.join();
  signal_pipe.store(-1);
  close(pipe_[0]);
  close(pipe_[1]);
}

}  // namespace sluice::sluicectl
