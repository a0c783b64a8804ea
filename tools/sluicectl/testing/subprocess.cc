#include "tools/sluicectl/testing/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

extern char** environ;

namespace sluice::sluicectl {
namespace {

constexpr int kPatienceMs = 60'000;

}  // namespace

Subprocess::Subprocess(std::vector<std::string> argv, absl::string_view input) {
  int in[2], out[2], err[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  EXPECT_EQ(posix_spawn(&pid_, words[0], &actions, nullptr, words.data(), environ), 0) << words[0];
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(in[1]);
  out_.fd = out[0];
  err_.fd = err[0];
}

Subprocess::~Subprocess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_.fd >= 0) close(out_.fd);
  if (err_.fd >= 0) close(err_.fd);
}

void Subprocess::Signal(int signal) { kill(pid_, signal); }

void Subprocess::CloseOut() {
  close(out_.fd);
  out_.fd = -1;
}

int Subprocess::Wait() {
  while (ReadMore()) {
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool Subprocess::ReadMore() {
  // A descriptor below 0 is left out by poll.
  pollfd ready[] = {{out_.fd, POLLIN, 0}, {err_.fd, POLLIN, 0}};
  if (out_.fd < 0 && err_.fd < 0) return false;
  if (poll(ready, 2, kPatienceMs) <= 0) {
    ADD_FAILURE() << "nothing came for a minute; out: " << out() << " err: " << err();
    kill(pid_, SIGKILL);
    return false;
  }
  Output* const outputs[] = {&out_, &err_};
  for (int i = 0; i < 2; ++i) {
    if (ready[i].revents == 0) continue;
    char buffer[4096];
    const ssize_t count = read(outputs[i]->fd, buffer, sizeof(buffer));
    if (count > 0) {
      outputs[i]->text.append(buffer, count);
    } else {
      close(outputs[i]->fd);
      outputs[i]->fd = -1;
    }
  }
  return true;
}

bool Subprocess::ReadUntil(const Output& output, absl::string_view text) {
  while (!absl::StrContains(output.text, text)) {
    if (!ReadMore()) return false;
  }
  return true;
}

}  // namespace sluice::sluicectl
