#include "services/ingress/coap/pending_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "libs/clock/fake_clock.h"
#include "services/ingress/coap/fake_intake.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PendingAnswersTest : public testing::Test {
 protected:
  // Takes a message and queues its answer under `message_id`.
  void Push(uint16_t message_id, bool confirmable = true, absl::string_view payload = "1") {
    InboundMessage message;
    message.device_id = "x";
    message.payload = payload;
    PendingAnswer answer;
    answer.key.message_id = message_id;
    answer.confirmable = confirmable;
    answer.receipt = intake_.Take(message).receipt;
    pending_.Push(std::move(answer));
  }
  std::vector<int> PopDurable(size_t max_answers = 100) {
    std::vector<int> ids;
    has_more_ = pending_.PopDurable(
        intake_, max_answers, [&](PendingAnswer& answer) { ids.push_back(answer.key.message_id); });
    return ids;
  }
  std::vector<int> Acknowledge() {
    std::vector<int> ids;
    pending_.AcknowledgeOverdue(
        [&](PendingAnswer& answer) { ids.push_back(answer.key.message_id); });
    return ids;
  }

  FakeClock clock_;
  bool has_more_ = false;
  FakeIntake intake_;
  PendingAnswers pending_{PendingAnswers::Options(), &clock_};
};

TEST_F(PendingAnswersTest, TellsHowLongTheFirstHasWaited) {
  EXPECT_EQ(pending_.LongestWait(), absl::ZeroDuration());
  Push(1);
  clock_.Advance(absl::Seconds(1));
  intake_.Sync();
  Push(2, /*confirmable=*/true, "}");  // in another log
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(pending_.LongestWait(), absl::Seconds(3));
  PopDurable();
  EXPECT_EQ(pending_.LongestWait(), absl::Seconds(2));
}

TEST_F(PendingAnswersTest, WaitForTheDisk) {
  Push(1);
  Push(2);
  EXPECT_THAT(PopDurable(), IsEmpty());
  intake_.Sync();
  Push(3);
  EXPECT_THAT(PopDurable(), ElementsAre(1, 2));
  EXPECT_EQ(pending_.size(), 1u);
  intake_.Sync();
  EXPECT_THAT(PopDurable(), ElementsAre(3));
  EXPECT_EQ(pending_.size(), 0u);
}

TEST_F(PendingAnswersTest, LeaveInPortions) {
  for (int i = 1; i <= 3; ++i) Push(i);
  Push(4, true, "}");
  intake_.Sync();
  EXPECT_THAT(PopDurable(2), ElementsAre(1, 2));
  EXPECT_TRUE(has_more_);
  EXPECT_EQ(PopDurable(2).size(), 2u);
  EXPECT_FALSE(has_more_);
}

TEST_F(PendingAnswersTest, OneLogDoesNotHoldUpAnother) {
  Push(1);
  intake_.Sync();
  Push(2);
  Push(3, true, "}");  // a dead letter
  EXPECT_THAT(PopDurable(), ElementsAre(1));
  intake_.Sync();
  EXPECT_THAT(PopDurable(), testing::UnorderedElementsAre(2, 3));
}

TEST_F(PendingAnswersTest, EveryConIsAcknowledgedOnceWhenItTakesLong) {
  EXPECT_EQ(pending_.UntilOverdue(), absl::InfiniteDuration());
  Push(1);
  clock_.Advance(absl::Milliseconds(400));
  Push(2, /*confirmable=*/false);
  Push(3);
  EXPECT_EQ(pending_.UntilOverdue(), absl::Milliseconds(600));
  EXPECT_THAT(Acknowledge(), IsEmpty());
  clock_.Advance(absl::Milliseconds(600));
  EXPECT_THAT(Acknowledge(), ElementsAre(1));
  EXPECT_EQ(pending_.UntilOverdue(), absl::Milliseconds(400));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(pending_.UntilOverdue(), absl::ZeroDuration());
  EXPECT_THAT(Acknowledge(), ElementsAre(3));
  EXPECT_THAT(Acknowledge(), IsEmpty());
  EXPECT_EQ(pending_.UntilOverdue(), absl::InfiniteDuration());

  intake_.Sync();
  std::vector<bool> acknowledged;
  pending_.PopDurable(intake_, 100,
                      [&](PendingAnswer& answer) { acknowledged.push_back(answer.acknowledged); });
  EXPECT_THAT(acknowledged, ElementsAre(true, false, true));
  Push(4);
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Acknowledge(), ElementsAre(4));
}

TEST_F(PendingAnswersTest, RoomIsKeptForThoseWhoWait) {
  PendingAnswers::Options options;
  options.max_answers = 4;
  PendingAnswers small(options, &clock_);
  for (int i = 0; i < 3; ++i) small.Push(PendingAnswer());
  EXPECT_TRUE(small.HasRoom(/*confirmable=*/true));
  EXPECT_FALSE(small.HasRoom(/*confirmable=*/false));
  small.Push(PendingAnswer());
  EXPECT_FALSE(small.HasRoom(/*confirmable=*/true));
  int left = 0;
  small.PopAll([&](PendingAnswer&) { ++left; });
  EXPECT_EQ(left, 4);
  EXPECT_TRUE(small.HasRoom(/*confirmable=*/false));
}

}  // namespace
}  // namespace sluice::ingress
