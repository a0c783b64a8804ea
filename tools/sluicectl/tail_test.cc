#include "tools/sluicectl/tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "libs/clock/fake_clock.h"
#include "sluice/v1/telemetry.pb.h"
#include "tools/sluicectl/exit_code.h"

namespace sluice::sluicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One stream as a test plans it: what it sends, then how it ends.
struct PlannedStream {
  struct Response {
    std::string journal_id;
    std::vector<int64_t> offsets;
    int64_t next_offset;
    std::vector<v1::Gap> gaps = {};
  };
  std::vector<Response> responses;
  absl::Status end;
};

// A service that sends what was planned, stream by stream; after the last plan it interrupts the
// tail, as a user does who has seen enough.
class PlannedFeed final : public Feed {
 public:
  explicit PlannedFeed(Interruption* interruption) : interruption_(interruption) {}

  std::unique_ptr<FeedStream> Open(const v1::Start& start, int max_batch_size) override {
    starts.push_back(start.ShortDebugString());
    batch_sizes.push_back(max_batch_size);
    PlannedStream plan;
    plan.end = absl::CancelledError();
    if (plans.empty()) {
      interruption_->Raise(2);
    } else {
      plan = std::move(plans.front());
      plans.pop_front();
    }
    return std::make_unique<Stream>(std::move(plan));
  }

  absl::Status Acknowledge(const v1::AcknowledgeRequest& request) override {
    acknowledged.push_back(request.ShortDebugString());
    if (acknowledge_results.empty()) return absl::OkStatus();
    const absl::Status status = acknowledge_results.front();
    acknowledge_results.pop_front();
    return status;
  }

  std::string Describe() const override { return "ingress at test"; }
  std::vector<Column> Columns() const override { return {{"OFFSET"}}; }
  std::vector<Cell> Row(const FeedRecord& record) const override {
    return {std::to_string(record.offset)};
  }

  std::deque<PlannedStream> plans;
  std::deque<absl::Status> acknowledge_results;
  std::vector<std::string> starts;
  std::vector<int> batch_sizes;
  std::vector<std::string> acknowledged;

 private:
  class Stream final : public FeedStream {
   public:
    explicit Stream(PlannedStream plan) : plan_(std::move(plan)) {}
    bool Read(FeedBatch* batch) override {
      if (next_ == plan_.responses.size()) return false;
      const PlannedStream::Response& response = plan_.responses[next_++];
      *batch = FeedBatch{response.journal_id, 7, {}, response.gaps, response.next_offset};
      messages_.clear();
      for (const int64_t offset : response.offsets) {
        messages_.emplace_back();
        messages_.back().set_offset(offset);
        batch->records.push_back({offset, &messages_.back()});
      }
      return true;
    }
    absl::Status Finish() override { return plan_.end; }
    void Cancel() override {}

   private:
    const PlannedStream plan_;
    size_t next_ = 0;
    std::deque<v1::Telemetry> messages_;
  };

  Interruption* const interruption_;
};

class TailTest : public ::testing::Test {
 protected:
  TailTest() : feed_(&interruption_) {
    console_.out = &out_;
    console_.err = &err_;
    console_.clock = &clock_;
    settings_.command = "telemetry tail";
  }

  int Run() { return RunTail(console_, settings_, &feed_, &interruption_); }

  const absl::Status away_ = absl::UnavailableError("gone");
  FakeClock clock_;
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_;
  TailSettings settings_;
  Interruption interruption_;
  PlannedFeed feed_;
};

TEST_F(TailTest, ShowsWhatComesUntilItIsInterrupted) {
  feed_.plans = {{{{"j", {}, 4}, {"j", {4, 5}, 6}}, away_}};
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(out_.str(), "OFFSET\n4\n5\n");
}

TEST_F(TailTest, EndsAtCountAndAsksForNoMore) {
  settings_.count = 3;
  feed_.plans = {{{{"j", {0, 1}, 2}, {"j", {2, 3, 4}, 5}}, away_}};
  EXPECT_EQ(Run(), kExitOk);
  EXPECT_EQ(out_.str(), "OFFSET\n0\n1\n2\n");
  EXPECT_THAT(feed_.batch_sizes, ElementsAre(3));
}

TEST_F(TailTest, AServiceThatWasNeverThereIsAnError) {
  feed_.plans = {{{}, away_}};
  EXPECT_EQ(Run(), kExitUnreachable);
  EXPECT_EQ(err_.str(), "sluicectl: telemetry tail: UNAVAILABLE: gone\n");
}

TEST_F(TailTest, ARefusalIsAnErrorAtAnyTime) {
  feed_.plans = {{{{"j", {0}, 1}}, absl::AbortedError("a newer stream is open")}};
  EXPECT_EQ(Run(), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("ABORTED: a newer stream is open"));
}

TEST_F(TailTest, GoesOnWhereItWasAndSaysOnceThatTheServiceWasAway) {
  feed_.plans = {{{{"j", {0, 1}, 2}}, away_},
                 {{}, away_},
                 {{}, away_},
                 {{{"j", {}, 2}, {"j", {2}, 3}}, away_}};
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(out_.str(), "OFFSET\n0\n1\n2\n");
  EXPECT_THAT(feed_.starts, ElementsAre("", "offset: 2", "offset: 2", "offset: 2", "offset: 3"));
  EXPECT_THAT(err_.str(), HasSubstr("ingress at test is away (UNAVAILABLE: gone); waiting for it\n"
                                    "sluicectl: telemetry tail: ingress at test is back\n"));
}

TEST_F(TailTest, PrintsNothingTwice) {
  settings_.subscription = "cloud";
  feed_.plans = {{{{"j", {0, 1, 2}, 3}}, away_}, {{{"j", {0, 1}, 2}, {"j", {2, 3}, 4}}, away_}};
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(out_.str(), "OFFSET\n0\n1\n2\n3\n");
  EXPECT_THAT(feed_.starts, ElementsAre("", "resume { }", "resume { }"));
}

TEST_F(TailTest, AnotherJournalIsShownFromItsBeginning) {
  feed_.plans = {
      {{{"one", {7}, 8}}, away_}, {{{"two", {8}, 9}}, away_}, {{{"two", {0, 8}, 9}}, away_}};
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(out_.str(), "OFFSET\n7\n0\n8\n");
  EXPECT_THAT(feed_.starts, ElementsAre("", "offset: 8", "earliest { }", "offset: 9"));
  EXPECT_THAT(err_.str(), HasSubstr("the journal is another one now"));
}

TEST_F(TailTest, AnOffsetThatIsGoneLeadsToTheOldestRecord) {
  feed_.plans = {{{{"one", {7}, 8}}, away_},
                 {{}, absl::OutOfRangeError("beyond the end")},
                 {{{"two", {0}, 1}}, away_}};
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(out_.str(), "OFFSET\n7\n0\n");
}

TEST_F(TailTest, TheUsersOwnOffsetBeyondTheEndIsAnError) {
  settings_.start.set_offset(99);
  feed_.plans = {{{}, absl::OutOfRangeError("beyond the end")}};
  EXPECT_EQ(Run(), kExitRefused);
}

TEST_F(TailTest, AcknowledgesWhatWasWritten) {
  settings_.subscription = "cloud";
  settings_.acknowledge = true;
  settings_.count = 3;
  feed_.plans = {{{{"j", {}, 0}, {"j", {0, 1}, 2}, {"j", {2, 3}, 4}}, away_}};
  EXPECT_EQ(Run(), kExitOk);
  EXPECT_THAT(feed_.acknowledged,
              ElementsAre("subscription: \"cloud\" journal_id: \"j\" epoch: 7 offset: 2",
                          "subscription: \"cloud\" journal_id: \"j\" epoch: 7 offset: 3"));
}

TEST_F(TailTest, WhatCouldNotBeAcknowledgedIsAcknowledgedLater) {
  settings_.subscription = "cloud";
  settings_.acknowledge = true;
  feed_.acknowledge_results = {away_};
  feed_.plans = {{{{"j", {0, 1}, 2}}, away_}, {{{"j", {0, 1}, 2}}, away_}};
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(out_.str(), "OFFSET\n0\n1\n");
  EXPECT_EQ(feed_.acknowledged.size(), 2);
}

TEST_F(TailTest, AnAcknowledgementThatIsRefusedEndsIt) {
  settings_.subscription = "cloud";
  settings_.acknowledge = true;
  feed_.acknowledge_results = {absl::NotFoundError("no such subscription")};
  feed_.plans = {{{{"j", {0}, 1}}, away_}};
  EXPECT_EQ(Run(), kExitRefused);
}

TEST_F(TailTest, OutputThatIsLostIsNotAcknowledged) {
  settings_.subscription = "cloud";
  settings_.acknowledge = true;
  out_.setstate(std::ios::badbit);
  feed_.plans = {{{{"j", {0}, 1}}, away_}};
  EXPECT_EQ(Run(), kExitRefused);
  EXPECT_TRUE(feed_.acknowledged.empty());
  EXPECT_THAT(err_.str(), HasSubstr("the output could not be written"));
}

TEST_F(TailTest, TellsGaps) {
  v1::Gap gap;
  gap.set_from_offset(3);
  gap.set_to_offset(10);
  gap.set_reason(v1::GAP_REASON_RETENTION);
  feed_.plans = {{{{"j", {10}, 11, {gap}}}, away_}};
  Run();
  EXPECT_THAT(err_.str(), HasSubstr("from offset 3 to 9 are gone (deleted by retention)"));
}

TEST_F(TailTest, JsonIsOneObjectALine) {
  console_.json = true;
  feed_.plans = {{{{"j", {4}, 5}}, away_}};
  Run();
  EXPECT_THAT(out_.str(), ::testing::StartsWith("{\"offset\":\"4\","));
  EXPECT_EQ(out_.str().find('\n'), out_.str().size() - 1);
}

}  // namespace
}  // namespace sluice::sluicectl
