#include "tools/fleetsim/testing/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "absl/time/clock.h"

namespace sluice::fleetsim {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

bool TakesConnections(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(port);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(pipe_ends[1], STDOUT_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  output_ = pipe_ends[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  close(output_);
}

void ChildProcess::Signal(int signal) {
  if (pid_ > 0) kill(pid_, signal);
}

int ChildProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ChildProcess::ReadLine(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    pollfd ready{output_, POLLIN, 0};
    const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left_ms <= 0 || poll(&ready, 1, static_cast<int>(left_ms)) <= 0) return "";
    char buffer[4096];
    const ssize_t size = read(output_, buffer, sizeof(buffer));
    if (size <= 0) return "";
    pending_.append(buffer, static_cast<size_t>(size));
  }
}

std::string ChildProcess::ReadLineWith(const std::string& text) {
  while (true) {
    std::string line = ReadLine();
    if (line.empty() || line.find(text) != std::string::npos) return line;
  }
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) abort();
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

Mosquitto::Mosquitto() : port_(FreePort()) {
  config_path_ = std::string(std::getenv("TEST_TMPDIR")) + "/mosquitto.conf";
  std::ofstream(config_path_) << "listener " << port_ << " 127.0.0.1\n"
                              << "allow_anonymous true\nuser root\nlog_type none\n"
                              << "max_queued_messages 0\n";
  Start();
}

void Mosquitto::Start() {
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{"/usr/sbin/mosquitto", "-c", config_path_});
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!TakesConnections(port_)) {
    if (absl::Now() > deadline) abort();
    process_->ReadLine(absl::Milliseconds(20));
  }
}

void Mosquitto::Kill() { process_.reset(); }
void Mosquitto::Pause() { process_->Signal(SIGSTOP); }
void Mosquitto::Resume() { process_->Signal(SIGCONT); }

std::unique_ptr<ChildProcess> MosquittoSub(const Mosquitto& broker, const std::string& filter) {
  auto client = std::make_unique<ChildProcess>(std::vector<std::string>{
      "/usr/bin/stdbuf", "-oL", "/usr/bin/mosquitto_sub", "-d", "-v", "-q", "2", "-h", "127.0.0.1",
      "-p", std::to_string(broker.port()), "-t", filter});
  client->ReadLineWith("Subscribed");
  return client;
}

bool MosquittoPub(const Mosquitto& broker, const std::string& topic, const std::string& payload,
                  int qos) {
  ChildProcess client({"/usr/bin/mosquitto_pub", "-h", "127.0.0.1", "-p",
                       std::to_string(broker.port()), "-q", std::to_string(qos), "-t", topic, "-m",
                       payload});
  return client.Wait() == 0;
}

}  // namespace sluice::fleetsim
