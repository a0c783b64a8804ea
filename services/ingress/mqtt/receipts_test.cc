#include "services/ingress/mqtt/receipts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ingress/coap/fake_intake.h"
#include "services/ingress/mqtt/testing/test_broker.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Keeps what is published, and completes it when it is told to.
class Outbox final : public Publisher {
 public:
  absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) override {
    absl::MutexLock lock(&mutex_);
    ++asked_;
    if (!answer_.ok()) return answer_;
    payloads_.push_back(publication.payload);
    done_.push_back(std::move(done));
    return absl::OkStatus();
  }
  void AnswerWith(absl::Status answer) {
    absl::MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }
  void CompleteAll(const absl::Status& status) {
    std::vector<std::function<void(absl::Status)>> done;
    {
      absl::MutexLock lock(&mutex_);
      done.swap(done_);
    }
    for (const auto& call : done) call(status);
  }
  std::vector<std::string> payloads() const {
    absl::MutexLock lock(&mutex_);
    return payloads_;
  }
  int asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> payloads_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void(absl::Status)>> done_ ABSL_GUARDED_BY(mutex_);
};

class ReceiptsTest : public ::testing::Test {
 protected:
  ReceiptsTest() { Make({}); }
  ~ReceiptsTest() override {
    receipts_->Stop();
    outbox_.CompleteAll(absl::OkStatus());
  }
  void Make(const Receipts::Options& options) {
    receipts_ = std::make_unique<Receipts>(options, &intake_, &outbox_);
  }
  // Takes a message in; what is to be answered once it is durable.
  Receipt Take() {
    InboundMessage message;
    message.device_id = "a";
    return intake_.Take(message).receipt;
  }
  void Add(const Receipt& receipt, const std::string& payload) {
    receipts_->Add(receipt, {.topic = "devices/a/r", .payload = payload, .qos = 1});
  }
  bool Published(size_t count) {
    return Eventually([&] { return outbox_.payloads().size() == count; });
  }

  FakeIntake intake_;
  Outbox outbox_;
  std::unique_ptr<Receipts> receipts_;
};

TEST_F(ReceiptsTest, WaitForTheDiskAndKeepTheirOrder) {
  Add(Take(), "1");
  Add(Take(), "2");
  ASSERT_TRUE(intake_.WaitDurabilityChecks(1));
  EXPECT_THAT(outbox_.payloads(), IsEmpty());
  EXPECT_EQ(receipts_->stats().waiting, 2);
  intake_.Sync();
  ASSERT_TRUE(Published(2));
  Add(Take(), "3");
  intake_.Sync();
  ASSERT_TRUE(Published(3));
  EXPECT_THAT(outbox_.payloads(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(receipts_->stats().sent, 0);
  outbox_.CompleteAll(absl::OkStatus());
  EXPECT_EQ(receipts_->stats().sent, 3);
  EXPECT_EQ(receipts_->stats().waiting, 0);
}

// As of a message that was sent twice: no fsync comes any more.
TEST_F(ReceiptsTest, WhatIsDurableAlreadyIsAnsweredAtOnce) {
  const Receipt receipt = Take();
  intake_.Sync();
  Add(receipt, "1");
  EXPECT_TRUE(Published(1));
  Add({Receipt::Log::kNone, 0}, "2");
  EXPECT_TRUE(Published(2));
}

TEST_F(ReceiptsTest, WaitForAPublisherThatIsAway) {
  outbox_.AnswerWith(absl::UnavailableError("not connected"));
  Add(Take(), "1");
  Add(Take(), "2");
  intake_.Sync();
  ASSERT_TRUE(Eventually([&] { return outbox_.asked() >= 2; })) << "tried again";
  EXPECT_EQ(receipts_->stats().waiting, 2);
  outbox_.AnswerWith(absl::OkStatus());
  ASSERT_TRUE(Published(2));
  EXPECT_THAT(outbox_.payloads(), ElementsAre("1", "2"));
  EXPECT_EQ(receipts_->stats().dropped_unsent, 0);
}

TEST_F(ReceiptsTest, CountThoseThatThePublisherGivesUp) {
  outbox_.AnswerWith(absl::InvalidArgumentError("no such topic"));
  Add(Take(), "1");
  intake_.Sync();
  ASSERT_TRUE(Eventually([&] { return receipts_->stats().dropped_unsent == 1; }));
  outbox_.AnswerWith(absl::OkStatus());
  Add(Take(), "2");
  intake_.Sync();
  ASSERT_TRUE(Published(1));
  outbox_.CompleteAll(absl::AbortedError("session lost"));
  EXPECT_EQ(receipts_->stats().dropped_unsent, 2);
  EXPECT_EQ(receipts_->stats().sent, 0);
}

TEST_F(ReceiptsTest, AreBoundedByNumberAndBytes) {
  receipts_->Stop();
  Make({.max_waiting = 2});
  for (const char* payload : {"1", "2", "3"}) Add(Take(), payload);
  EXPECT_EQ(receipts_->stats().dropped_full, 1);
  intake_.Sync();
  ASSERT_TRUE(Published(2));
  Add(Take(), "4");
  intake_.Sync();
  EXPECT_TRUE(Published(3)) << "those that went hold no place";
  receipts_->Stop();
  outbox_.CompleteAll(absl::OkStatus());

  Make({.max_waiting_bytes = 30});
  Add(Take(), std::string(19, 'x'));  // and a topic of 11
  Add(Take(), "");
  EXPECT_EQ(receipts_->stats().dropped_full, 1);
  intake_.Sync();
  ASSERT_TRUE(Published(4));
  Add(Take(), std::string(20, 'x'));
  EXPECT_EQ(receipts_->stats().dropped_full, 2);
}

TEST_F(ReceiptsTest, HandOverSoManyAtATime) {
  receipts_->Stop();
  Make({.max_at_publisher = 2});
  for (const char* payload : {"1", "2", "3", "4", "5"}) Add(Take(), payload);
  intake_.Sync();
  ASSERT_TRUE(Eventually([&] { return receipts_->stats().waiting == 3; }));
  EXPECT_THAT(outbox_.payloads(), ElementsAre("1", "2"));
  outbox_.CompleteAll(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return receipts_->stats().waiting == 1; }));
  outbox_.CompleteAll(absl::AbortedError("lost"));
  ASSERT_TRUE(Published(5));
}

TEST_F(ReceiptsTest, StopSendsWhatIsDurableAndCountsTheRest) {
  Add(Take(), "1");
  intake_.Sync();
  Add(Take(), "2");
  receipts_->Stop();
  receipts_->Stop();
  EXPECT_THAT(outbox_.payloads(), ElementsAre("1"));
  Add(Take(), "3");
  EXPECT_EQ(receipts_->stats().dropped_unsent, 2);
  EXPECT_EQ(receipts_->stats().waiting, 0);
  EXPECT_EQ(intake_.listeners(), 0u);
}

}  // namespace
}  // namespace sluice::ingress
