// The real process, killed in the middle of its work again and again, beside an analysis that
// nothing disturbs: insights and state are the same to the last bit.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"
#include "libs/rpc/service_process.h"
#include "services/analytics/feed/fake_telemetry_service.h"
#include "services/analytics/insight_reading.h"
#include "services/analytics/series/analyzer.h"
#include "services/analytics/series/checkpoint.h"

namespace sluice::analytics {
namespace {

constexpr int kRounds = 16;
// Fewer than there are devices, so that now and then a series is forgotten.
constexpr int kMaxSeries = 9;

class KillTest : public testing::Test {
 protected:
  void Start() {
    process_.Start();
    if (!HasFatalFailure()) stub_ = v1::AnalyticsService::NewStub(process_.channel());
  }
  // A message, for the process and for the analysis that nothing disturbs.
  void Add(const std::string& device, double value) {
    const v1::Telemetry telemetry = ingress_.Add(device, "t", value);
    undisturbed_.Analyze(telemetry, "telemetry-1", &expected_);
    ++added_;
  }
  // The bytes of all insights, without the offsets that their journal gives them, until there are
  // as many as there should be.
  std::vector<std::string> Insights() {
    std::vector<v1::Insight> insights = ReadFromEarliest(stub_.get(), expected_.size());
    for (v1::Insight& insight : insights) insight.clear_offset();
    return Bytes(insights);
  }
  static std::vector<std::string> Bytes(const std::vector<v1::Insight>& insights) {
    std::vector<std::string> all;
    for (const v1::Insight& insight : insights) all.push_back(insight.SerializeAsString());
    return all;
  }
  std::string UndisturbedCheckpoint() {
    const std::string path = process_.dir() + "/undisturbed";
    auto pending =
        PendingCheckpoint::Write(path, {{"telemetry-1", added_}, undisturbed_.settings()},
                                 undisturbed_.table())
            .value();
    EXPECT_TRUE(pending->Commit().ok());
    return ReadFile(path, 1 << 24).value();
  }

  FakeTelemetryService ingress_;
  rpc::ServiceProcess process_{
      "services/analytics/sluice-analytics",
      {"--set=ingress.address=" + ingress_.address(), "--set=checkpoint_interval=1s",
       absl::StrCat("--set=max_series=", kMaxSeries)}};
  std::unique_ptr<v1::AnalyticsService::Stub> stub_;
  int64_t added_ = 0;
  Analyzer undisturbed_{AnalyzerSettings{.max_series = kMaxSeries}};
  std::vector<v1::Insight> expected_;
};

TEST_F(KillTest, InsightsAndStateAreThoseOfAnUndisturbedRun) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(20, 0.5);
  const auto add = [&](int count) {
    for (int i = 0; i < count; ++i) {
      // Most are busy; the rest come and are forgotten.
      const auto device = random() % 200 == 0 ? 5 + random() % 20 : random() % 5;
      Add(absl::StrCat("device-", device), random() % 25 == 0 ? 1000 : normal(random));
    }
  };
  for (int round = 0; round < kRounds; ++round) {
    Start();
    if (HasFatalFailure()) return;
    add(700);
    // Somewhere in the round, with or without a checkpoint since the last one.
    ReadFromEarliest(stub_.get(), 1 + random() % expected_.size());
    if (round % 4 == 2) ingress_.WaitForCursor(added_);
    add(random() % 700);
    if (round == kRounds - 1) break;
    ASSERT_TRUE(WIFSIGNALED(process_.End(SIGKILL)));
  }
  ASSERT_GT(expected_.size(), 200);
  EXPECT_TRUE(Insights() == Bytes(expected_)) << expected_.size() << " insights";

  // One more, so that a double at the end would show.
  for (int i = 0; i < 60; ++i) Add("last", i % 2);
  Add("last", 1e6);
  EXPECT_TRUE(Insights() == Bytes(expected_)) << expected_.size() << " insights";
  const int status = process_.End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(ingress_.cursor(), added_);
  EXPECT_TRUE(ReadFile(process_.dir() + "/checkpoint", 1 << 24).value() == UndisturbedCheckpoint());
}

}  // namespace
}  // namespace sluice::analytics
