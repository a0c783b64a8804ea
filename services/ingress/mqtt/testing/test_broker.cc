#include "services/ingress/mqtt/testing/test_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace sluice::ingress {
namespace {

[[noreturn]] void Die(const std::string& what) {
  perror(what.c_str());
  abort();
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    Die("no free port");
  }
  close(fd);
  return ntohs(address.sin_port);
}

bool Listens(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(port);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

// Starts a program with its output in `output`, or thrown away if that is -1.
pid_t Spawn(const std::vector<std::string>& command, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t pid = fork();
  if (pid < 0) Die("fork");
  if (pid == 0) {
    dup2(nowhere, 0);
    dup2(output < 0 ? nowhere : output, 1);
    execvp(arguments[0], arguments.data());
    Die(command[0]);
  }
  close(nowhere);
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

TestBroker::TestBroker(const std::string& extra_config) {
  directory_ = absl::StrCat(testing::TempDir(), "/broker.XXXXXX");
  if (mkdtemp(directory_.data()) == nullptr) Die(directory_);
  port_ = FreePort();
  std::ofstream(directory_ + "/mosquitto.conf")
      << "listener " << port_ << " 127.0.0.1\n"
      << "allow_anonymous true\n"
      << (geteuid() == 0 ? "user root\n" : "")  // else it becomes a user who may not write here
      << "persistence true\npersistence_location " << directory_ << "/\n"
      << "autosave_interval 0\n"
      << "max_queued_messages 0\nlog_dest none\n"
      << extra_config << "\n";
  Start();
}

TestBroker::~TestBroker() { End(SIGKILL); }

std::string TestBroker::uri() const { return absl::StrCat("tcp://127.0.0.1:", port_); }

void TestBroker::Start() {
  pid_ = Spawn({"/usr/sbin/mosquitto", "-c", directory_ + "/mosquitto.conf"}, -1);
  if (!Eventually([&] { return Listens(port_); })) Die("mosquitto does not listen");
}

void TestBroker::Stop() { End(SIGTERM); }
void TestBroker::Kill() { End(SIGKILL); }
void TestBroker::Freeze() { kill(pid_, SIGSTOP); }
void TestBroker::Thaw() { kill(pid_, SIGCONT); }

// Mosquitto forgets a SIGTERM that comes between its first listening and its main loop.
void TestBroker::End(int signal) {
  if (pid_ <= 0) return;
  const auto gone = [&] {
    kill(pid_, signal);
    return waitpid(pid_, nullptr, WNOHANG) == pid_;
  };
  if (!Eventually(gone)) Die("mosquitto does not end");
  pid_ = -1;
}

void TestBroker::WipeState() {
  const std::string state = directory_ + "/mosquitto.db";
  if (unlink(state.c_str()) != 0 && errno != ENOENT) Die(state);
}

void TestBroker::Save() {
  WipeState();
  kill(pid_, SIGUSR1);
  const std::string state = directory_ + "/mosquitto.db";
  if (!Eventually([&] { return access(state.c_str(), F_OK) == 0; })) Die("mosquitto does not save");
}

bool TestBroker::Publish(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {"mosquitto_pub", "-h", "127.0.0.1", "-p",
                                      absl::StrCat(port_)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return WaitFor(Spawn(command, -1)) == 0;
}

std::vector<std::string> TestBroker::Subscribe(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {"mosquitto_sub", "-h", "127.0.0.1", "-p",
                                      absl::StrCat(port_)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("pipe");
  const pid_t pid = Spawn(command, ends[1]);
  close(ends[1]);
  std::string output;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(ends[0], buffer, sizeof(buffer))) > 0) output.append(buffer, got);
  close(ends[0]);
  WaitFor(pid);
  return absl::StrSplit(output, '\n', absl::SkipEmpty());
}

bool Eventually(const std::function<bool()>& condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

}  // namespace sluice::ingress
