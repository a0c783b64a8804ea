// The real process, killed in the middle of its work again and again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/file/atomic_file.h"
#include "libs/rpc/channel.h"
#include "services/analytics/feed/fake_telemetry_service.h"
#include "services/analytics/insight_reading.h"
#include "services/analytics/series/analyzer.h"

namespace sluice::analytics {
namespace {

class KillTest : public testing::Test {
 protected:
  KillTest() {
    std::string dir = absl::StrCat(std::getenv("TEST_TMPDIR"), "/kill-XXXXXX");
    dir_ = mkdtemp(&dir[0]);
  }
  ~KillTest() override {
    if (pid_ > 0) End(SIGKILL);
  }

  void Start() {
    unlink((dir_ + "/endpoints.json").c_str());
    const std::vector<std::string> arguments = {
        absl::StrCat(std::getenv("TEST_SRCDIR"), "/sluice/services/analytics/sluice-analytics"),
        "--data-dir=" + dir_,
        "--set=grpc.listen=127.0.0.1:0",
        "--set=metrics.listen=127.0.0.1:0",
        "--set=ingress.address=" + ingress_.address(),
        "--set=checkpoint_interval=1s",
    };
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
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
      if (!endpoints.ok()) continue;
      const std::vector<std::string> parts = absl::StrSplit(*endpoints, '"');
      for (size_t i = 0; i + 2 < parts.size(); ++i) {
        if (parts[i] == "grpc") address = parts[i + 2];
      }
    }
    stub_ = v1::AnalyticsService::NewStub(rpc::MakeChannel(address));
  }
  int End(int signal) {
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  // A message, for the process and for the analysis that nothing disturbs.
  void Add(const std::string& device, double value) {
    ingress_.Add(device, "t", value);
    v1::Telemetry telemetry;
    telemetry.set_offset(added_++);
    telemetry.set_device_id(device);
    v1::Reading* reading = telemetry.add_readings();
    reading->set_metric("t");
    reading->set_double_value(value);
    undisturbed_.Analyze(telemetry, "telemetry-1", &expected_);
  }

  FakeTelemetryService ingress_;
  std::string dir_;
  pid_t pid_ = 0;
  std::unique_ptr<v1::AnalyticsService::Stub> stub_;
  int64_t added_ = 0;
  Analyzer undisturbed_{50'000, 100, AnomalyDetector(3.0, 30)};
  std::vector<v1::Insight> expected_;
};

TEST_F(KillTest, EveryInsightComesOutOnce) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(20, 0.5);
  const auto add = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Add(absl::StrCat("device-", random() % 5), random() % 25 == 0 ? 1000 : normal(random));
    }
  };
  int kills = 0;
  for (int round = 0; round < 8; ++round) {
    Start();
    if (HasFatalFailure()) return;
    add(1000);
    // Somewhere in the round, with or without a checkpoint since the last one.
    ReadFromEarliest(stub_.get(), 1 + random() % expected_.size());
    if (round % 3 == 2) ingress_.WaitForCursor(added_);
    add(random() % 1000);
    if (round == 7) break;
    ASSERT_TRUE(WIFSIGNALED(End(SIGKILL)));
    ++kills;
  }
  EXPECT_EQ(kills, 7);
  ASSERT_GT(expected_.size(), 100);
  EXPECT_EQ(Describe(ReadFromEarliest(stub_.get(), expected_.size())), Describe(expected_));

  // One more, so that a double at the end would show.
  for (int i = 0; i < 60; ++i) Add("last", i % 2);
  Add("last", 1e6);
  EXPECT_EQ(Describe(ReadFromEarliest(stub_.get(), expected_.size())), Describe(expected_));
  const int status = End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(ingress_.cursor(), added_);
}

}  // namespace
}  // namespace sluice::analytics
