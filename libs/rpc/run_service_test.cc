#include "libs/rpc/run_service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/file/atomic_file.h"
#include "sluice/config/v1/registry.pb.h"

namespace sluice::rpc {
namespace {

using config::v1::RegistryConfig;

std::string TempPath(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
}

// Says on stderr what RunService asks of it.
class TalkingService final : public Service {
 public:
  std::vector<GrpcService> GrpcServices() override { return {}; }
  std::map<std::string, std::string> Endpoints() override { return {{"coap", "127.0.0.1:5683"}}; }
  void BeginShutdown() override { dprintf(STDERR_FILENO, "begin-shutdown\n"); }
  void Finish() override { dprintf(STDERR_FILENO, "finish\n"); }
};

absl::Status Validate(const RegistryConfig& config) {
  return config.max_devices() > 0 ? absl::OkStatus()
                                  : absl::InvalidArgumentError("max_devices: no");
}

// The disk is full while there is a file `full` in the data directory.
absl::StatusOr<std::unique_ptr<Service>> Create(const RegistryConfig& config, const Environment&) {
  if (access((config.data_dir() + "/full").c_str(), F_OK) == 0) {
    return absl::ResourceExhaustedError("no space here");
  }
  return std::make_unique<TalkingService>();
}

// A service's process, its stderr in a file.
class Process {
 public:
  Process(const std::string& name, std::vector<std::string> flags)
      : data_dir_(TempPath(name)), log_(TempPath(name + ".log")) {
    pid_ = fork();
    if (pid_ != 0) return;
    dup2(open(log_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
    RegistryConfig defaults;
    defaults.set_max_devices(1);
    defaults.mutable_log()->set_level("info");
    defaults.mutable_log()->set_format("text");
    defaults.mutable_grpc()->set_listen("127.0.0.1:0");
    defaults.mutable_grpc()->set_max_streams(4);
    defaults.mutable_grpc()->set_max_message_bytes(4 << 20);
    defaults.mutable_metrics()->set_listen("127.0.0.1:0");
    flags.insert(flags.begin(), {"test-service", "--data-dir=" + data_dir_});
    std::vector<char*> argv;
    for (std::string& flag : flags) argv.push_back(&flag[0]);
    _exit(RunService<RegistryConfig>(static_cast<int>(argv.size()), argv.data(), "test-service",
                                     defaults, Validate, Create));
  }
  ~Process() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  void Signal(int signal) { kill(pid_, signal); }
  // Waits until endpoints.json is there.
  std::string Endpoints() { return Await(data_dir_ + "/endpoints.json", "pid"); }
  std::string AwaitLog(const std::string& text) { return Await(log_, text); }
  std::string Log() { return ReadFile(log_, 1 << 20).value_or(""); }
  int ExitCode() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& data_dir() const { return data_dir_; }

 private:
  static std::string Await(const std::string& path, const std::string& text) {
    for (int i = 0; i < 2000; ++i) {
      auto content = ReadFile(path, 1 << 20);
      if (content.ok() && content->find(text) != std::string::npos) return *content;
      absl::SleepFor(absl::Milliseconds(5));
    }
    ADD_FAILURE() << path << " never held '" << text << "'";
    return "";
  }

  const std::string data_dir_;
  const std::string log_;
  pid_t pid_;
};

TEST(RunServiceTest, LivesFromReadyToAGracefulEnd) {
  Process process("graceful", {});
  const std::string endpoints = process.Endpoints();
  EXPECT_THAT(endpoints, testing::HasSubstr("\"grpc\":\"127.0.0.1:"));
  EXPECT_THAT(endpoints, testing::HasSubstr("\"metrics\":\"127.0.0.1:"));
  EXPECT_THAT(endpoints, testing::HasSubstr("\"coap\":\"127.0.0.1:5683\""));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.ExitCode(), 0);
  EXPECT_THAT(process.Log(), testing::ContainsRegex("begin-shutdown\nfinish\n"));
  EXPECT_NE(access((process.data_dir() + "/endpoints.json").c_str(), F_OK), 0);
}

TEST(RunServiceTest, WaitsForADiskThatIsFullUntilThereIsRoomOrItIsToldToStop) {
  const std::string data_dir = TempPath("waits");
  const std::string full = data_dir + "/full";
  ASSERT_EQ(mkdir(data_dir.c_str(), 0700), 0);
  ASSERT_TRUE(ReplaceFile(full, "").ok());
  Process stopped("waits", {});
  stopped.AwaitLog("not serving: no space here; trying again");
  stopped.Signal(SIGTERM);
  EXPECT_EQ(stopped.ExitCode(), 0);

  Process process("waits", {});
  process.AwaitLog("not serving: no space here; trying again");
  EXPECT_NE(access((data_dir + "/endpoints.json").c_str(), F_OK), 0);
  ASSERT_EQ(unlink(full.c_str()), 0);
  process.Endpoints();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.ExitCode(), 0);
}

TEST(RunServiceTest, ASecondProcessOnTheSameDirectoryOrPortSaysWhoHasIt) {
  Process first("first", {});
  const std::string endpoints = first.Endpoints();
  Process same_directory("first", {});
  EXPECT_EQ(same_directory.ExitCode(), 1);
  EXPECT_THAT(same_directory.Log(), testing::HasSubstr("is in use by the process with pid"));
  const size_t start = endpoints.find("\"grpc\":\"") + 8;
  const std::string address = endpoints.substr(start, endpoints.find('"', start) - start);
  Process same_port("second", {"--set=grpc.listen=" + address});
  EXPECT_EQ(same_port.ExitCode(), 1);
  EXPECT_THAT(same_port.Log(), testing::ContainsRegex("port is taken by .*\\(pid [0-9]+\\)"));
  Process same_metrics_port("third", {"--set=metrics.listen=" + address});
  EXPECT_EQ(same_metrics_port.ExitCode(), 1);
  EXPECT_THAT(same_metrics_port.Log(), testing::HasSubstr("metrics.listen: cannot listen on"));
}

TEST(RunServiceTest, WrongFlagsAndSettingsExitWith2AndSayWhatIsWrong) {
  struct Case {
    std::string flag, message;
  };
  for (const Case& c : std::vector<Case>{
           {"--set=max_devices=0", "max_devices: no"},
           {"--set=nonsense=1", "nonsense: unknown key"},
           {"--config=/nowhere.yaml", "/nowhere.yaml"},
           {"--set=log.level=loud", "log.level: is 'loud'"},
           {"--wrong", "--wrong"},
       }) {
    Process process("wrong", {c.flag});
    EXPECT_EQ(process.ExitCode(), 2) << c.flag;
    EXPECT_THAT(process.Log(), testing::HasSubstr(c.message));
  }
}

TEST(RunServiceTest, SighupTakesTheLogLevelFromTheFile) {
  const std::string file = TempPath("level.yaml");
  ASSERT_TRUE(ReplaceFile(file, "log: {level: info}\n").ok());
  Process process("level", {"--config=" + file});
  process.Endpoints();
  ASSERT_TRUE(ReplaceFile(file, "log: {level: debug}\n").ok());
  process.Signal(SIGHUP);
  process.AwaitLog("log level is debug now");
  ASSERT_TRUE(ReplaceFile(file, "log: {level: loud}\n").ok());
  process.Signal(SIGHUP);
  process.AwaitLog("settings not taken over: log.level");
  process.Signal(SIGINT);
  EXPECT_EQ(process.ExitCode(), 0);
}

}  // namespace
}  // namespace sluice::rpc
