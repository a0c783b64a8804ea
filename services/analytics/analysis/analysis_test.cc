#include "services/analytics/analysis/analysis.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/atomic_file.h"
#include "services/analytics/analysis/checkpointer.h"
#include "services/analytics/analysis/scripted_journal.h"

namespace sluice::analytics {
namespace {

// Telemetry in which every 50th message is far off. The same seed gives the same.
class Source {
 public:
  explicit Source(unsigned seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(20, 0.1);
    for (int i = 0; i < 3000; ++i) values_.push_back(i % 50 == 49 ? 100 + i : normal(random));
  }
  int64_t size() const { return static_cast<int64_t>(values_.size()); }

  v1::SubscribeTelemetryResponse Batch(int64_t from, int64_t to,
                                       const std::string& journal_id = "A") const {
    v1::SubscribeTelemetryResponse batch;
    batch.set_journal_id(journal_id);
    for (int64_t offset = from; offset < to; ++offset) {
      v1::Telemetry* telemetry = batch.add_telemetry();
      telemetry->set_offset(offset);
      // Three that always send; later others do now and then.
      const bool is_other = offset >= 1000 && offset % 71 == 0;
      telemetry->set_device_id(
          absl::StrCat("device-", is_other ? 3 + offset / 71 % 9 : offset % 3));
      for (const char* metric : {"t", "u"}) {
        v1::Reading* reading = telemetry->add_readings();
        reading->set_metric(metric);
        reading->set_double_value(values_[offset]);
      }
    }
    batch.set_next_offset(to);
    return batch;
  }

 private:
  std::vector<double> values_;
};

// What names each insight, and all that it says.
std::vector<std::string> Contents(const ScriptedJournal& journal) {
  std::vector<std::string> contents;
  for (const std::string& record : journal.records()) {
    contents.push_back(DecodeInsight({0, absl::UnixEpoch(), record})->ShortDebugString());
  }
  return contents;
}

class AnalysisTest : public testing::Test {
 protected:
  AnalysisTest() : seed_(std::random_device()()), source_(seed_) {
    std::string dir = absl::StrCat(std::getenv("TEST_TMPDIR"), "/analysis-XXXXXX");
    path_ = absl::StrCat(mkdtemp(&dir[0]), "/checkpoint");
    Start();
  }
  ~AnalysisTest() override {
    if (HasFailure()) ADD_FAILURE() << "seed " << seed_;
  }

  // As a process does; what was in memory is gone.
  void Start() {
    checkpointer_.reset();
    analysis_.reset();
    log_ = *InsightLog::Open(&journal_);
    options_.on_insight_log = [this](const absl::Status& status) {
      (status.ok() ? takes_again_ : refuses_) = true;
    };
    analysis_ = std::make_unique<Analysis>(options_, log_.get(), &clock_);
    restored_ = analysis_->Restore(path_);
    EXPECT_TRUE(analysis_->AdoptSettings(path_).ok());
    checkpointer_ = std::make_unique<Checkpointer>(analysis_.get(), log_.get(), path_,
                                                   [this](const TelemetryPosition& position) {
                                                     if (acknowledge_status_.ok())
                                                       acknowledged_ = position;
                                                     return acknowledge_status_;
                                                   });
  }
  // The records that an analysis of the source makes that nothing ever disturbed, and its state in
  // undisturbed_checkpoint_.
  std::vector<std::string> Undisturbed() {
    ScriptedJournal journal;
    auto log = *InsightLog::Open(&journal);
    Analysis analysis(options_, log.get(), &clock_);
    analysis.Take(source_.Batch(0, source_.size()));
    const std::string path = path_ + ".undisturbed";
    EXPECT_TRUE(analysis.WriteCheckpoint(path).value()->Commit().ok());
    undisturbed_checkpoint_ = ReadFile(path, 1 << 24).value();
    return journal.records();
  }

  const unsigned seed_;
  const Source source_;
  std::string path_;
  FakeClock clock_;
  ScriptedJournal journal_;
  AnalysisOptions options_;
  std::atomic<bool> refuses_{false};
  std::atomic<bool> takes_again_{false};
  absl::Status acknowledge_status_;
  TelemetryPosition acknowledged_;
  absl::Status restored_;
  std::string undisturbed_checkpoint_;
  std::unique_ptr<InsightLog> log_;
  std::unique_ptr<Analysis> analysis_;
  std::unique_ptr<Checkpointer> checkpointer_;
};

TEST_F(AnalysisTest, EveryInsightOnceWhereverItCrashes) {
  std::mt19937 random(seed_);
  options_.settings.max_series = 10;  // of 24: some are forgotten
  Start();
  int64_t next = 0;
  while (next < source_.size()) {
    const int64_t end = std::min<int64_t>(source_.size(), next + 1 + random() % 200);
    journal_.SetSyncing(random() % 2 == 0);
    // Some of a batch may come a second time.
    analysis_->Take(source_.Batch(std::max<int64_t>(acknowledged_.next_offset, next - 20), end));
    next = end;
    if (random() % 3 == 0) {
      journal_.SetSyncing(true);
      ASSERT_TRUE(checkpointer_->Run().ok());
      EXPECT_EQ(acknowledged_.next_offset, next);
    }
    if (random() % 2 == 0) {
      // Also between two insights of one record.
      journal_.LoseUnsynced(random() % 20);
      Start();
      next = acknowledged_.next_offset;
    }
  }
  journal_.SetSyncing(true);
  EXPECT_EQ(journal_.records(), Undisturbed());
  EXPECT_GT(journal_.records().size(), 50);
  EXPECT_EQ(analysis_->stats().missed_records, 0);
  ASSERT_TRUE(checkpointer_->Run().ok());
  EXPECT_TRUE(ReadFile(path_, 1 << 24).value() == undisturbed_checkpoint_);
}

// Each change of settings counts from the record on that the checkpoint tells: an analysis that
// nothing disturbs, and that is told to change there, finds the same.
TEST_F(AnalysisTest, ChangedSettingsCountFromARecordedOffsetWhereverItCrashes) {
  const AnalyzerSettings choices[] = {
      {10, 100, 3.0, 30}, {10, 60, 3.0, 30}, {7, 100, 2.5, 20}, {12, 80, 4.0, 40}};
  std::mt19937 random(seed_);
  std::vector<SettingsChange> changes;
  const auto restart = [&] {
    options_.settings = choices[random() % 4];
    Start();
    Analyzer scratch{AnalyzerSettings()};
    const auto head = ReadCheckpoint(path_, {}, [&](const AnalyzerSettings& settings) {
      scratch = Analyzer(settings);
      return &scratch.table();
    });
    ASSERT_TRUE(head.ok()) << head.status();
    // What the checkpoint is past counts, and what it says is to come.
    const int64_t next = head->position.next_offset;
    while (!changes.empty() && (changes.back().from.next_offset > next ||
                                (changes.back().from.next_offset == next &&
                                 !(changes.back().settings == head->settings)))) {
      changes.pop_back();
    }
    changes.insert(changes.end(), head->changes.begin(), head->changes.end());
  };
  const AnalyzerSettings first = options_.settings;
  size_t most_to_come = 0;
  for (int64_t next = 0; next < source_.size();) {
    const int64_t end = std::min<int64_t>(source_.size(), next + 1 + random() % 300);
    journal_.SetSyncing(random() % 2 == 0);
    analysis_->Take(source_.Batch(next, end));
    next = end;
    if (random() % 3 == 0) {
      journal_.SetSyncing(true);
      ASSERT_TRUE(checkpointer_->Run().ok());
    }
    if (random() % 2 == 0) {
      journal_.LoseUnsynced(random() % 20);
      ASSERT_NO_FATAL_FAILURE(restart());
      next = acknowledged_.next_offset;
      for (const SettingsChange& change : changes) most_to_come += change.from.next_offset > next;
    }
  }
  journal_.SetSyncing(true);
  ASSERT_TRUE(analysis_->WriteCheckpoint(path_).value()->Commit().ok());
  EXPECT_GT(changes.size(), 2u);
  EXPECT_GT(most_to_come, 0u) << "none began behind its checkpoint";

  Analyzer undisturbed(first);
  std::vector<v1::Insight> insights;
  auto change = changes.begin();
  const v1::SubscribeTelemetryResponse all = source_.Batch(0, source_.size());
  for (const v1::Telemetry& telemetry : all.telemetry()) {
    for (; change != changes.end() && change->from.next_offset <= telemetry.offset(); ++change) {
      undisturbed.SetSettings(change->settings);
    }
    undisturbed.Analyze(telemetry, "A", &insights);
  }
  for (; change != changes.end(); ++change) undisturbed.SetSettings(change->settings);
  std::vector<std::string> records;
  for (const v1::Insight& insight : insights) records.push_back(insight.SerializeAsString());
  EXPECT_TRUE(journal_.records() == records) << records.size() << " insights";
  const std::string path = path_ + ".undisturbed";
  auto pending = PendingCheckpoint::Write(path, {{"A", source_.size()}, undisturbed.settings()},
                                          undisturbed.table());
  ASSERT_TRUE((*pending)->Commit().ok());
  EXPECT_TRUE(ReadFile(path_, 1 << 24).value() == ReadFile(path, 1 << 24).value());
}

TEST_F(AnalysisTest, SettingsThatWereToCountLaterDoSoAtTheLatestInANewJournal) {
  analysis_->Take(source_.Batch(0, 500));
  ASSERT_TRUE(checkpointer_->Run().ok());
  analysis_->Take(source_.Batch(500, 900));
  options_.settings.window_size_samples = 50;
  Start();
  EXPECT_EQ(analysis_->GetSeries("device-0", "t")->window().capacity_samples(), 100)
      << "what was analyzed with it is so again";
  analysis_->Take(source_.Batch(0, 1, "B"));
  EXPECT_EQ(analysis_->GetSeries("device-0", "t")->window().capacity_samples(), 50);
}

TEST_F(AnalysisTest, ACheckpointWaitsForItsInsights) {
  journal_.SetSyncing(false);
  analysis_->Take(source_.Batch(0, 1000));
  absl::Notification done;
  std::thread thread([&] {
    EXPECT_TRUE(checkpointer_->Run().ok());
    done.Notify();
  });
  EXPECT_FALSE(done.WaitForNotificationWithTimeout(absl::Milliseconds(100)));
  EXPECT_EQ(acknowledged_.next_offset, 0);
  journal_.SetSyncing(true);
  thread.join();
  EXPECT_EQ(acknowledged_.next_offset, 1000);
  EXPECT_EQ(checkpointer_->stats().checkpoints, 1);
}

TEST_F(AnalysisTest, AcknowledgesAgainWhatCouldNotBeAcknowledged) {
  analysis_->Take(source_.Batch(0, 100));
  acknowledge_status_ = absl::UnavailableError("away");
  EXPECT_EQ(checkpointer_->Run().code(), absl::StatusCode::kUnavailable);
  acknowledge_status_ = absl::OkStatus();
  EXPECT_TRUE(checkpointer_->Run().ok());
  EXPECT_EQ(acknowledged_, (TelemetryPosition{"A", 100}));
  EXPECT_EQ(checkpointer_->stats().checkpoints, 1);

  // After a restart, too: it may have ended just before.
  acknowledged_ = {};
  Start();
  EXPECT_TRUE(restored_.ok());
  EXPECT_TRUE(checkpointer_->Run().ok());
  EXPECT_EQ(acknowledged_, (TelemetryPosition{"A", 100}));
}

TEST_F(AnalysisTest, ARefusedInsightIsTriedAgainAndNothingIsLost) {
  journal_.SetAppendStatus(absl::ResourceExhaustedError("disk full"));
  std::thread thread([&] { EXPECT_FALSE(analysis_->Take(source_.Batch(0, 3000)).stopped); });
  while (!refuses_) std::this_thread::yield();
  // Readers go on meanwhile.
  EXPECT_TRUE(analysis_->GetSeries("device-0", "t").ok());
  EXPECT_FALSE(takes_again_);
  journal_.SetAppendStatus(absl::OkStatus());
  thread.join();
  EXPECT_TRUE(takes_again_);
  EXPECT_GT(analysis_->stats().refused_insights, 0);
  EXPECT_EQ(journal_.records(), Undisturbed());
}

TEST_F(AnalysisTest, StoppedWhileInsightsAreRefusedItKeepsTheOldCheckpoint) {
  analysis_->Take(source_.Batch(0, 500));
  ASSERT_TRUE(checkpointer_->Run().ok());
  journal_.SetAppendStatus(absl::UnavailableError("no"));
  std::thread thread([&] { EXPECT_TRUE(analysis_->Take(source_.Batch(500, 3000)).stopped); });
  while (!refuses_) std::this_thread::yield();
  analysis_->Stop();
  thread.join();
  EXPECT_EQ(checkpointer_->Run().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(acknowledged_.next_offset, 500);
  EXPECT_TRUE(analysis_->Take(source_.Batch(500, 3000)).stopped);

  journal_.SetAppendStatus(absl::OkStatus());
  Start();
  analysis_->Take(source_.Batch(500, 3000));
  EXPECT_EQ(journal_.records(), Undisturbed());
}

TEST_F(AnalysisTest, CountsWhatItMissed) {
  EXPECT_EQ(analysis_->Take(source_.Batch(100, 200)).missed_records, 0);
  // A hole that is told, and one at the end.
  v1::SubscribeTelemetryResponse batch = source_.Batch(250, 300);
  v1::Gap* gap = batch.add_gaps();
  gap->set_from_offset(200);
  gap->set_to_offset(250);
  gap->set_reason(v1::GAP_REASON_RETENTION);
  batch.set_next_offset(310);
  EXPECT_EQ(analysis_->Take(batch).missed_records, 60);
  EXPECT_EQ(analysis_->position(), (TelemetryPosition{"A", 310}));
  EXPECT_EQ(analysis_->stats().missed_records, 60);
  // Offsets that the journal skipped were never used.
  batch = source_.Batch(400, 500);
  gap = batch.add_gaps();
  gap->set_from_offset(310);
  gap->set_to_offset(400);
  EXPECT_EQ(analysis_->Take(batch).missed_records, 0);
  EXPECT_EQ(analysis_->position().next_offset, 500);
  // An older start misses nothing.
  v1::SubscribeTelemetryResponse start;
  start.set_journal_id("A");
  start.set_next_offset(5);
  EXPECT_EQ(analysis_->Take(start).missed_records, 0);
  EXPECT_EQ(analysis_->position().next_offset, 500);
}

TEST_F(AnalysisTest, GoesOnWithItsSeriesWhenTheJournalIsAnotherOne) {
  EXPECT_FALSE(analysis_->Take(source_.Batch(0, 300)).is_new_journal);
  const TakenBatch taken = analysis_->Take(source_.Batch(0, 300, "B"));
  EXPECT_TRUE(taken.is_new_journal);
  EXPECT_EQ(taken.missed_records, 0);
  EXPECT_EQ(analysis_->position(), (TelemetryPosition{"B", 300}));
  EXPECT_EQ(analysis_->GetSeries("device-0", "t")->sample_count(), 200);
  EXPECT_EQ(analysis_->stats().new_journals, 1);
}

TEST_F(AnalysisTest, ACrashAfterTheJournalBecameAnotherOneDoublesNothing) {
  analysis_->Take(source_.Batch(0, 300));
  ASSERT_TRUE(checkpointer_->Run().ok());
  analysis_->Take(source_.Batch(0, 300, "B"));
  const auto before = Contents(journal_);
  Start();
  EXPECT_TRUE(analysis_->Take(source_.Batch(0, 400, "B")).is_new_journal);
  const auto after = Contents(journal_);
  ASSERT_GT(after.size(), before.size());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
  EXPECT_EQ(std::set<std::string>(after.begin(), after.end()).size(), after.size());
}

TEST_F(AnalysisTest, ShowsSeries) {
  analysis_->Take(source_.Batch(0, 300));
  const auto series = analysis_->GetSeries("device-1", "u");
  ASSERT_TRUE(series.ok());
  EXPECT_EQ(series->sample_count(), 100);
  EXPECT_EQ(series->window().size_samples(), 100);
  EXPECT_EQ(series->window().capacity_samples(), 100);
  EXPECT_EQ(analysis_->GetSeries("device-1", "x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(analysis_->GetSeries("device-9", "u").status().code(), absl::StatusCode::kNotFound);

  const auto names = [](const std::vector<v1::Series>& list) {
    std::string all;
    for (const auto& one : list) absl::StrAppend(&all, one.device_id(), "/", one.metric(), " ");
    return all;
  };
  EXPECT_EQ(names(analysis_->ListSeries("", "", "", 4)),
            "device-0/t device-0/u device-1/t device-1/u ");
  EXPECT_EQ(names(analysis_->ListSeries("device-1", "t", "", 4)),
            "device-1/u device-2/t device-2/u ");
  EXPECT_EQ(names(analysis_->ListSeries("", "", "device-1", 4)), "device-1/t device-1/u ");
  EXPECT_EQ(names(analysis_->ListSeries("device-1", "t", "device-1", 4)), "device-1/u ");
  EXPECT_EQ(names(analysis_->ListSeries("", "", "device-", 4)), "");
}

TEST_F(AnalysisTest, ReadersCheckpointsAndIntakeGoTogether) {
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      analysis_->ListSeries("", "", "", 100);
      analysis_->stats();
    }
  });
  std::thread checkpoints([&] {
    while (!done) EXPECT_TRUE(checkpointer_->Run().ok());
  });
  for (int64_t from = 0; from < source_.size(); from += 10) {
    analysis_->Take(source_.Batch(from, from + 10));
  }
  done = true;
  reader.join();
  checkpoints.join();
  EXPECT_EQ(journal_.records(), Undisturbed());
  ASSERT_TRUE(checkpointer_->Run().ok());
  EXPECT_EQ(acknowledged_, (TelemetryPosition{"A", source_.size()}));
}

}  // namespace
}  // namespace sluice::analytics
