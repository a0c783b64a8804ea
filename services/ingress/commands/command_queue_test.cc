#include "services/ingress/commands/command_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::Command Pending(const std::string& id, const std::string& device_id) {
  v1::Command command;
  command.set_id(id);
  command.set_device_id(device_id);
  command.set_state(v1::COMMAND_STATE_PENDING);
  return command;
}

class CommandQueueTest : public ::testing::Test {
 protected:
  CommandQueueTest()
      : queue_({.max_commands = 5, .max_in_flight = 2, .max_remembered = 2}, &clock_) {}

  // Ids of all that may be published now.
  std::vector<std::string> Publish() {
    std::vector<std::string> ids;
    while (const auto command = queue_.NextToPublish()) ids.push_back(command->id());
    return ids;
  }
  std::vector<std::string> Report() {
    std::vector<std::string> ids;
    while (const auto report = queue_.NextToReport()) ids.push_back(report->command_id());
    return ids;
  }

  absl::Duration TimeToPublish() const { return queue_.PublishTime() - clock_.Uptime(); }
  absl::Duration TimeToReport() const { return queue_.ReportTime() - clock_.Uptime(); }

  FakeClock clock_;
  CommandQueue queue_;
};

TEST_F(CommandQueueTest, ACommandGoesOutAndIsReportedSent) {
  EXPECT_EQ(TimeToPublish(), absl::InfiniteDuration());
  EXPECT_EQ(queue_.Add(Pending("1", "a")), CommandQueue::Added::kAccepted);
  EXPECT_EQ(TimeToPublish(), absl::ZeroDuration());
  EXPECT_THAT(Publish(), ElementsAre("1"));
  EXPECT_THAT(Report(), IsEmpty());
  queue_.Published("1", absl::OkStatus());
  EXPECT_EQ(TimeToReport(), absl::ZeroDuration());
  const auto report = queue_.NextToReport();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->command_id(), "1");
  EXPECT_EQ(report->state(), v1::COMMAND_STATE_SENT);
  EXPECT_EQ(report->device_id(), "");
  queue_.Reported("1", CommandQueue::ReportEnd::kAccepted);
  EXPECT_EQ(queue_.stats().held, 0);
  EXPECT_EQ(queue_.stats().published, 1);
  EXPECT_EQ(queue_.stats().reported, 1);
}

TEST_F(CommandQueueTest, KnownAndFinishedCommandsAreNotNeeded) {
  v1::Command sent = Pending("0", "a");
  sent.set_state(v1::COMMAND_STATE_SENT);
  EXPECT_EQ(queue_.Add(sent), CommandQueue::Added::kNotNeeded);
  queue_.Add(Pending("1", "a"));
  EXPECT_EQ(queue_.Add(Pending("1", "a")), CommandQueue::Added::kNotNeeded);
  EXPECT_THAT(Publish(), ElementsAre("1"));
  EXPECT_EQ(queue_.Add(Pending("1", "a")), CommandQueue::Added::kNotNeeded);
  queue_.Published("1", absl::OkStatus());
  EXPECT_EQ(queue_.Add(Pending("1", "a")), CommandQueue::Added::kNotNeeded);
  EXPECT_THAT(Report(), ElementsAre("1"));
  queue_.Reported("1", CommandQueue::ReportEnd::kAccepted);
  EXPECT_EQ(queue_.Add(Pending("1", "a")), CommandQueue::Added::kNotNeeded)
      << "a watch that began before the report";
}

TEST_F(CommandQueueTest, RemembersABoundedNumber) {
  for (const char* id : {"1", "2", "3"}) {
    queue_.Add(Pending(id, "a"));
    Publish();
    queue_.Published(id, absl::OkStatus());
    Report();
    queue_.Reported(id, CommandQueue::ReportEnd::kAccepted);
  }
  EXPECT_EQ(queue_.Add(Pending("3", "a")), CommandQueue::Added::kNotNeeded);
  EXPECT_EQ(queue_.Add(Pending("2", "a")), CommandQueue::Added::kNotNeeded);
  EXPECT_EQ(queue_.Add(Pending("1", "a")), CommandQueue::Added::kAccepted);
}

TEST_F(CommandQueueTest, OneDevicesCommandsGoOneAfterAnother) {
  for (const char* id : {"1", "2"}) queue_.Add(Pending(id, "a"));
  queue_.Add(Pending("3", "b"));
  EXPECT_THAT(Publish(), ElementsAre("1", "3"));
  queue_.Published("1", absl::UnavailableError("lost"));
  EXPECT_THAT(Publish(), IsEmpty()) << "2 waits for 1, which waits";
  clock_.Advance(absl::Milliseconds(250));
  EXPECT_THAT(Publish(), ElementsAre("1"));
  queue_.Published("1", absl::OkStatus());
  EXPECT_THAT(Publish(), ElementsAre("2")) << "the report of 1 need not be made";
}

TEST_F(CommandQueueTest, FailedPublishesComeAgainLaterEachTime) {
  queue_.Add(Pending("1", "a"));
  absl::Duration waits;
  for (int i = 0; i < 8; ++i) {
    ASSERT_THAT(Publish(), ElementsAre("1"));
    queue_.Published("1", absl::AbortedError("lost"));
    const absl::Duration wait = TimeToPublish();
    EXPECT_GE(wait, absl::Milliseconds(250));
    EXPECT_LE(wait, absl::Seconds(5));
    clock_.Advance(wait - absl::Milliseconds(1));
    EXPECT_THAT(Publish(), IsEmpty());
    clock_.Advance(absl::Milliseconds(1));
    waits += wait;
  }
  EXPECT_GT(waits, absl::Seconds(20));
  EXPECT_EQ(queue_.stats().publish_failures, 8);
}

TEST_F(CommandQueueTest, WhatCanNeverBeSentIsReportedFailed) {
  queue_.Add(Pending("1", "a"));
  queue_.Add(Pending("2", "a"));
  EXPECT_THAT(Publish(), ElementsAre("1"));
  queue_.Published("1", absl::InvalidArgumentError("payload: " + std::string(2000, 'x')));
  const auto report = queue_.NextToReport();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->state(), v1::COMMAND_STATE_FAILED);
  EXPECT_EQ(report->device_id(), "a");
  EXPECT_EQ(report->error_message().size(), 1024u);
  EXPECT_EQ(queue_.stats().unsendable, 1);
  EXPECT_THAT(Publish(), ElementsAre("2"));
}

TEST_F(CommandQueueTest, BoundsWhatIsInFlightAndWhatIsHeld) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(queue_.Add(Pending(absl::StrCat(i), absl::StrCat("d", i))),
              CommandQueue::Added::kAccepted);
  }
  EXPECT_FALSE(queue_.HasRoom());
  EXPECT_EQ(queue_.Add(Pending("5", "d5")), CommandQueue::Added::kFull);
  EXPECT_EQ(queue_.Add(Pending("4", "d4")), CommandQueue::Added::kNotNeeded);
  EXPECT_THAT(Publish(), ElementsAre("0", "1"));
  EXPECT_EQ(TimeToPublish(), absl::InfiniteDuration());
  EXPECT_EQ(queue_.stats().in_flight, 2);
  queue_.Published("1", absl::OkStatus());
  EXPECT_THAT(Publish(), ElementsAre("2"));
  EXPECT_FALSE(queue_.HasRoom()) << "until it is reported";
  EXPECT_THAT(Report(), ElementsAre("1"));
  queue_.Reported("1", CommandQueue::ReportEnd::kAccepted);
  EXPECT_EQ(queue_.Add(Pending("5", "d5")), CommandQueue::Added::kAccepted);
}

TEST_F(CommandQueueTest, ReportsAreTriedAgainUntilTheRegistryDecides) {
  queue_.Add(Pending("1", "a"));
  Publish();
  queue_.Published("1", absl::OkStatus());
  EXPECT_THAT(Report(), ElementsAre("1"));
  EXPECT_THAT(Report(), IsEmpty()) << "one at a time";
  queue_.Reported("1", CommandQueue::ReportEnd::kTryAgain);
  EXPECT_THAT(Report(), IsEmpty());
  clock_.Advance(TimeToReport());
  EXPECT_THAT(Report(), ElementsAre("1"));
  queue_.Reported("1", CommandQueue::ReportEnd::kUnwanted);
  EXPECT_EQ(queue_.stats().held, 0);
  EXPECT_EQ(queue_.stats().unwanted, 1);
  EXPECT_EQ(TimeToReport(), absl::InfiniteDuration());
}

TEST_F(CommandQueueTest, EndsOfWhatItDoesNotHoldChangeNothing) {
  queue_.Published("?", absl::OkStatus());
  queue_.Add(Pending("1", "a"));
  queue_.Published("1", absl::OkStatus());
  EXPECT_THAT(Publish(), ElementsAre("1"));
  queue_.Published("1", absl::OkStatus());
  queue_.Published("1", absl::OkStatus());
  EXPECT_EQ(queue_.stats().published, 1);
  EXPECT_THAT(Report(), ElementsAre("1"));
  queue_.Reported("1", CommandQueue::ReportEnd::kAccepted);
  queue_.Reported("?", CommandQueue::ReportEnd::kTryAgain);
  EXPECT_EQ(queue_.stats().held, 0);
  EXPECT_EQ(queue_.stats().in_flight, 0);
}

}  // namespace
}  // namespace sluice::ingress
