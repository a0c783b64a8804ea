#include "services/analytics/feed/telemetry_feed.h"

#include <gtest/gtest.h>

#include <functional>

#include "libs/clock/fake_clock.h"
#include "libs/rpc/channel.h"
#include "services/analytics/analysis/scripted_journal.h"
#include "services/analytics/feed/fake_telemetry_service.h"

namespace sluice::analytics {
namespace {

class TelemetryFeedTest : public testing::Test {
 protected:
  TelemetryFeedTest()
      : log_(*InsightLog::Open(&journal_)), analysis_(AnalysisOptions{}, log_.get(), &clock_) {}

  void AddSamples(int count) {
    for (int i = 0; i < count; ++i) ingress_.Add("pump", "t", i % 2);
  }
  // The test's own time limit ends it when that never comes.
  void WaitForPosition(const TelemetryPosition& position) {
    while (!(analysis_.position() == position)) {
      absl::Mutex mutex;
      absl::MutexLock lock(&mutex);
      bool never = false;
      mutex.AwaitWithTimeout(absl::Condition(&never), absl::Milliseconds(5));
    }
  }

  FakeTelemetryService ingress_;
  FakeClock clock_;
  ScriptedJournal journal_;
  std::unique_ptr<InsightLog> log_;
  Analysis analysis_;
  TelemetryFeed feed_{rpc::MakeChannel(ingress_.address()), &analysis_};
};

TEST_F(TelemetryFeedTest, BringsTelemetryAsItComes) {
  AddSamples(250);
  feed_.Start();
  WaitForPosition({"telemetry-1", 250});
  AddSamples(10);
  WaitForPosition({"telemetry-1", 260});
  EXPECT_EQ(analysis_.GetSeries("pump", "t")->sample_count(), 260);
  EXPECT_TRUE(feed_.stats().connected);
}

TEST_F(TelemetryFeedTest, ComesBackAfterABreakAndTakesNothingTwice) {
  AddSamples(50);
  feed_.Start();
  WaitForPosition({"telemetry-1", 50});
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::INTERNAL}) {
    ingress_.BreakStreams(code);
    AddSamples(50);
    const int64_t next = analysis_.position().next_offset + 50;
    WaitForPosition({"telemetry-1", next});
  }
  // The cursor is still at 0: each stream began there.
  EXPECT_EQ(ingress_.streams(), 3);
  EXPECT_EQ(analysis_.GetSeries("pump", "t")->sample_count(), 150);
  EXPECT_EQ(analysis_.stats().missed_records, 0);
}

TEST_F(TelemetryFeedTest, GoesOnInAnotherJournal) {
  AddSamples(50);
  feed_.Start();
  WaitForPosition({"telemetry-1", 50});
  ingress_.Wipe("telemetry-2");
  AddSamples(20);
  WaitForPosition({"telemetry-2", 20});
  EXPECT_EQ(analysis_.GetSeries("pump", "t")->sample_count(), 70);
  EXPECT_EQ(analysis_.stats().new_journals, 1);
}

TEST_F(TelemetryFeedTest, Acknowledges) {
  AddSamples(50);
  EXPECT_TRUE(feed_.Acknowledge({"telemetry-1", 20}, absl::Seconds(10)).ok());
  EXPECT_EQ(ingress_.cursor(), 20);
  EXPECT_EQ(feed_.Acknowledge({"telemetry-0", 30}, absl::Seconds(10)).code(),
            absl::StatusCode::kOutOfRange);
  ingress_.Shutdown();
  EXPECT_EQ(feed_.Acknowledge({"telemetry-1", 30}, absl::Seconds(10)).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(TelemetryFeedTest, StopsWhileNothingComes) {
  feed_.Start();
  AddSamples(1);
  WaitForPosition({"telemetry-1", 1});
  feed_.Stop();
  feed_.Stop();
  EXPECT_FALSE(feed_.stats().connected);
}

TEST_F(TelemetryFeedTest, StopsWhileNobodyIsThere) {
  ingress_.Shutdown();
  feed_.Start();
  feed_.Stop();
}

}  // namespace
}  // namespace sluice::analytics
