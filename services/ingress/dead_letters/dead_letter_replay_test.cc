#include "services/ingress/dead_letters/dead_letter_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "libs/clock/fake_clock.h"
#include "services/ingress/testing/fake_journal.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Letters 0 to 3 are of devices that are not known, 4 of a payload that never will be.
class DeadLetterReplayTest : public ::testing::Test {
 protected:
  DeadLetterReplayTest() {
    telemetry_.SyncAlways();
    dead_letters_.SyncAlways();
    reports_.SyncAlways();
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/replayXXXXXX";
    path_ = std::string(mkdtemp(pattern.data())) + "/done";
    marks_ = std::make_unique<DeadLetterMarks>(path_, &dead_letters_);
    for (const char* id : {"a", "b", "a"}) Refuse(id, "{\"n\": 5}");
    Refuse("a", "online", "status", InboundMessage::Kind::kStatus);
    Refuse("a", "{");
  }

  void Refuse(const std::string& id, const std::string& payload,
              const std::string& leaf = "telemetry",
              InboundMessage::Kind kind = InboundMessage::Kind::kTelemetry) {
    const std::string address = "devices/" + id + "/" + leaf;
    InboundMessage message;
    message.kind = kind;
    message.protocol = v1::PROTOCOL_MQTT;
    message.device_id = id;
    message.address = address;
    const std::string message_id = "m-" + std::to_string(++messages_);
    message.message_id = message_id;
    message.client_id = "client-" + id;
    message.payload = payload;
    message.received = MomentOf(clock_);
    ASSERT_FALSE(intake_.Take(message).status.ok());
  }

  void Register(const std::string& id) {
    v1::Device device;
    device.set_id(id);
    device.set_enabled(true);
    replica_.Put(device);
  }

  absl::StatusOr<v1::ReplayDeadLettersResponse> Run(const v1::ReplayDeadLettersRequest& request) {
    const DeadLetterLog log(&dead_letters_, marks_.get());
    return DeadLetterReplay(&log, &intake_).Run(request, [&](const Receipt& receipt) {
      return intake_.IsDurable(receipt) ? absl::OkStatus() : absl::DeadlineExceededError("late");
    });
  }
  absl::StatusOr<v1::ReplayDeadLettersResponse> RunOffsets(const std::vector<int64_t>& offsets) {
    v1::ReplayDeadLettersRequest request;
    for (const int64_t offset : offsets) request.add_offsets(offset);
    return Run(request);
  }
  absl::StatusOr<v1::ReplayDeadLettersResponse> RunAll(int page_size = 0,
                                                       const std::string& token = "") {
    v1::ReplayDeadLettersRequest request;
    request.mutable_filter();
    request.set_page_size(page_size);
    request.set_page_token(token);
    return Run(request);
  }

  std::vector<int> Codes(const absl::StatusOr<v1::ReplayDeadLettersResponse>& response) {
    EXPECT_TRUE(response.ok()) << response.status();
    std::vector<int> codes;
    for (const auto& result : response->results()) codes.push_back(result.code());
    return codes;
  }

  FakeClock clock_;
  FakeJournal telemetry_{"telemetry"};
  FakeJournal dead_letters_{"dead-letters"};
  FakeJournal reports_{"reports"};
  DeviceReplica replica_;
  Newcomers newcomers_;
  HeardDevices heard_{&clock_};
  int messages_ = 0;
  MessageWindow window_{MessageWindow::Options()};
  DeviceRates rates_{0, 0};
  JournalIntake intake_{
      {&telemetry_, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window_, &rates_},
      {}};
  std::string path_;
  std::unique_ptr<DeadLetterMarks> marks_;
};

TEST_F(DeadLetterReplayTest, WhatIsTakenInComesOnceAndWhatIsRefusedStays) {
  Register("a");
  const absl::Time came = clock_.Now();
  clock_.Advance(absl::Hours(1));
  const auto response = RunAll();
  EXPECT_THAT(Codes(response), ElementsAre(0, 5, 0, 0, 3));
  EXPECT_EQ(response->next_page_token(), "");
  EXPECT_EQ(response->results(0).offset(), 0);
  EXPECT_EQ(response->results(1).dead_letter_offset(), 1);
  EXPECT_THAT(response->results(1).message(), HasSubstr("not registered"));
  EXPECT_EQ(response->results(2).offset(), 1);
  EXPECT_FALSE(response->results(3).has_offset());
  EXPECT_EQ(telemetry_.records().size(), 2u);
  EXPECT_EQ(reports_.records().size(), 1u);
  // Nothing was buried again.
  EXPECT_EQ(dead_letters_.records().size(), 5u);

  v1::Telemetry telemetry;
  ASSERT_TRUE(telemetry.ParseFromString(telemetry_.records()[0]));
  EXPECT_EQ(telemetry.device_id(), "a");
  EXPECT_EQ(telemetry.message_id(), "m-1");
  EXPECT_EQ(telemetry.protocol(), v1::PROTOCOL_MQTT);
  EXPECT_EQ(telemetry.sender().client_id(), "client-a");
  EXPECT_EQ(telemetry.received_time().seconds(), absl::ToUnixSeconds(came));
  // A message of long ago says nothing of the device now.
  EXPECT_THAT(heard_.Take(10, INT64_MAX), IsEmpty());

  EXPECT_THAT(Codes(RunAll()), ElementsAre(5, 3));
  marks_ = DeadLetterMarks::Open(path_, &dead_letters_).value();
  EXPECT_THAT(Codes(RunAll()), ElementsAre(5, 3));
  Register("b");
  EXPECT_THAT(Codes(RunAll()), ElementsAre(0, 3));
  EXPECT_EQ(telemetry_.records().size(), 3u);
}

TEST_F(DeadLetterReplayTest, TakesTheOffsetsThatAreNamed) {
  Register("a");
  ASSERT_TRUE(marks_->PurgeBelow(1).ok());
  const auto response = RunOffsets({2, 2, 0, 9, 1, -4});
  EXPECT_THAT(Codes(response), ElementsAre(0, 5, 5, 5, 5, 5));
  EXPECT_THAT(response->results(1).message(), HasSubstr("twice"));
  EXPECT_THAT(response->results(2).message(), HasSubstr("purged"));
  EXPECT_THAT(response->results(3).message(), HasSubstr("none yet"));
  EXPECT_THAT(response->results(4).message(), HasSubstr("not registered"));
  EXPECT_THAT(RunOffsets({2})->results(0).message(), HasSubstr("replayed"));
  EXPECT_EQ(telemetry_.records().size(), 1u);
}

TEST_F(DeadLetterReplayTest, APayloadThatWasCutIsRefused) {
  Register("a");
  Refuse("a", std::string(70'000, '1'));
  const auto response = RunOffsets({5});
  EXPECT_THAT(Codes(response), ElementsAre(9));
  EXPECT_THAT(response->results(0).message(), HasSubstr("only 65536 of the payload's 70000 bytes"));
}

TEST_F(DeadLetterReplayTest, GoesPageByPage) {
  Register("b");
  std::string token;
  int pages = 0;
  std::vector<int> codes;
  do {
    const auto response = RunAll(2, token).value();
    for (const auto& result : response.results()) codes.push_back(result.code());
    token = response.next_page_token();
    ++pages;
  } while (!token.empty());
  EXPECT_THAT(codes, ElementsAre(5, 0, 5, 5, 3));
  EXPECT_EQ(pages, 3);
}

TEST_F(DeadLetterReplayTest, StopsWhenNothingCanBeWrittenAndGoesOnThere) {
  Register("a");
  Register("b");
  telemetry_.FailAppends(absl::ResourceExhaustedError("the disk is full"));
  auto response = RunAll();
  EXPECT_THAT(Codes(response), ElementsAre(8));
  EXPECT_THAT(Codes(RunOffsets({0, 3})), ElementsAre(8, 8));
  telemetry_.FailAppends(absl::OkStatus());
  response = RunAll(0, response->next_page_token());
  EXPECT_THAT(Codes(response), ElementsAre(0, 0, 0, 0, 3));
}

TEST_F(DeadLetterReplayTest, WhatIsNotOnDiskIsNotMarked) {
  Register("a");
  FakeJournal slow("slow");
  MessageWindow window{MessageWindow::Options()};
  JournalIntake intake(
      {&slow, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window, &rates_}, {});
  const DeadLetterLog log(&dead_letters_, marks_.get());
  v1::ReplayDeadLettersRequest request;
  request.add_offsets(0);
  DeadLetterReplay replay(&log, &intake);
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      replay.Run(request, [](const Receipt&) { return absl::DeadlineExceededError("late"); })
          .status()));
  EXPECT_FALSE(marks_->Replayed(0));
  EXPECT_THAT(Codes(RunOffsets({0})), ElementsAre(0));
}

// The receipt of a message that came again since is that of the first one, and durable long since.
TEST_F(DeadLetterReplayTest, ADuplicateBehindItDoesNotMakeALetterDurable) {
  Register("a");
  FakeJournal slow("slow");
  MessageWindow window{MessageWindow::Options()};
  JournalIntake intake(
      {&slow, &dead_letters_, &reports_, &replica_, &newcomers_, &heard_, &window, &rates_}, {});
  v1::Telemetry again;
  again.set_device_id("a");
  again.set_message_id("m-3");
  again.add_readings()->set_metric("n");
  again.mutable_readings(0)->set_int_value(5);
  ASSERT_EQ(intake.TakeDecoded(MomentOf(clock_), &again).status, absl::OkStatus());
  slow.Sync();

  const DeadLetterLog log(&dead_letters_, marks_.get());
  v1::ReplayDeadLettersRequest request;
  request.add_offsets(0);
  request.add_offsets(2);
  const auto response = DeadLetterReplay(&log, &intake).Run(request, [&](const Receipt& receipt) {
    return intake.IsDurable(receipt) ? absl::OkStatus() : absl::DeadlineExceededError("late");
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(response.status())) << response.status();
  EXPECT_FALSE(marks_->Replayed(0));
}

TEST_F(DeadLetterReplayTest, OneAtATime) {
  Register("a");
  const DeadLetterLog log(&dead_letters_, marks_.get());
  DeadLetterReplay replay(&log, &intake_);
  v1::ReplayDeadLettersRequest request;
  request.add_offsets(0);
  absl::Notification waiting;
  absl::Notification go_on;
  std::thread first([&] {
    EXPECT_TRUE(replay
                    .Run(request,
                         [&](const Receipt&) {
                           if (!waiting.HasBeenNotified()) waiting.Notify();
                           go_on.WaitForNotification();
                           return absl::OkStatus();
                         })
                    .ok());
  });
  waiting.WaitForNotification();
  const auto at_once = [](const Receipt&) { return absl::OkStatus(); };
  EXPECT_TRUE(absl::IsAborted(replay.Run(request, at_once).status()));
  go_on.Notify();
  first.join();
  EXPECT_EQ(replay.Run(request, at_once)->results(0).code(), 5);
  EXPECT_EQ(telemetry_.records().size(), 1u);
}

TEST_F(DeadLetterReplayTest, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(absl::IsInvalidArgument(RunOffsets({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RunOffsets(std::vector<int64_t>(1001, 0)).status()));
  v1::ReplayDeadLettersRequest request;
  request.add_offsets(0);
  request.mutable_filter();
  EXPECT_TRUE(absl::IsInvalidArgument(Run(request).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RunAll(1001).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RunAll(0, "junk").status()));
}

}  // namespace
}  // namespace sluice::ingress
