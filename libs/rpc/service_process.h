#ifndef SLUICE_LIBS_RPC_SERVICE_PROCESS_H_
#define SLUICE_LIBS_RPC_SERVICE_PROCESS_H_

#include <grpcpp/channel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/file/atomic_file.h"
#include "libs/rpc/channel.h"

namespace sluice::rpc {

// For tests: a service's binary as a process of its own, on free ports. Its data directory is new
// and survives the process. Not thread-safe.
class ServiceProcess {
 public:
  // `binary`: from the root of the tree. `flags`: beside those for data and ports.
  ServiceProcess(const std::string& binary, std::vector<std::string> flags)
      : flags_(std::move(flags)) {
    binary_ = absl::StrCat(std::getenv("TEST_SRCDIR"), "/sluice/", binary);
    std::string dir = absl::StrCat(std::getenv("TEST_TMPDIR"), "/service-XXXXXX");
    dir_ = mkdtemp(&dir[0]);
  }
  ~ServiceProcess() {
    if (pid_ > 0) End(SIGKILL);
  }
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  // Returns when it serves; fails the test if it ends by itself.
  void Start() {
    unlink((dir_ + "/endpoints.json").c_str());
    std::vector<std::string> arguments = {binary_, "--data-dir=" + dir_,
                                          "--set=grpc.listen=127.0.0.1:0",
                                          "--set=metrics.listen=127.0.0.1:0"};
    arguments.insert(arguments.end(), flags_.begin(), flags_.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(&argument[0]);
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      execv(argv[0], argv.data());
      _exit(127);
    }
    ASSERT_GT(pid_, 0);
    std::string address;
    while (address.empty()) {
      int status = 0;
      ASSERT_EQ(waitpid(pid_, &status, WNOHANG), 0) << "it ended by itself: " << status;
      const auto endpoints = ReadFile(dir_ + "/endpoints.json", 1 << 16);
      if (!endpoints.ok()) {
        absl::SleepFor(absl::Milliseconds(2));
        continue;
      }
      const std::vector<std::string> parts = absl::StrSplit(*endpoints, '"');
      for (size_t i = 0; i + 2 < parts.size(); ++i) {
        if (parts[i] == "grpc") address = parts[i + 2];
      }
    }
    channel_ = MakeChannel(address);
  }

  // Sends the signal and waits for the end; what waitpid says of it.
  int End(int signal) {
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  const std::string& dir() const { return dir_; }
  // To the process that was started last.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::vector<std::string> flags_;
  std::string binary_;
  std::string dir_;
  pid_t pid_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_SERVICE_PROCESS_H_
