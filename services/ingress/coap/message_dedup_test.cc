#include "services/ingress/coap/message_dedup.h"

#include <gtest/gtest.h>

#include <string>

#include "libs/clock/fake_clock.h"

namespace sluice::ingress {
namespace {

using State = MessageDedup::State;

CoapMessageKey Key(uint16_t message_id, uint64_t fingerprint = 1, uint16_t port = 1000) {
  CoapMessageKey key;
  key.peer.port = port;
  key.message_id = message_id;
  key.fingerprint = fingerprint;
  return key;
}

CoapAnswer Answer(CoapCode code, std::string payload = "") {
  CoapAnswer answer;
  answer.code = code;
  answer.payload = std::move(payload);
  return answer;
}

class MessageDedupTest : public testing::Test {
 protected:
  State Admit(const CoapMessageKey& key) { return dedup_.Admit(key, &answer_); }

  FakeClock clock_;
  MessageDedup dedup_{MessageDedup::Options(), &clock_};
  CoapAnswer answer_;
};

TEST_F(MessageDedupTest, TellsWhatBecameOfAMessageSentAgain) {
  EXPECT_EQ(Admit(Key(1)), State::kNew);
  EXPECT_EQ(Admit(Key(1)), State::kPending);
  dedup_.SetAcknowledged(Key(1));
  EXPECT_EQ(Admit(Key(1)), State::kAcknowledged);
  dedup_.SetAnswered(Key(1), Answer(CoapCode::kChanged));
  EXPECT_EQ(Admit(Key(1)), State::kAnswered);
  EXPECT_EQ(answer_.code, CoapCode::kChanged);
  EXPECT_EQ(answer_.payload, "");
  EXPECT_EQ(dedup_.stats().duplicates, 3);
}

TEST_F(MessageDedupTest, GivesTheWholeAnswerAgain) {
  Admit(Key(1));
  CoapAnswer answer = Answer(CoapCode::kRequestEntityTooLarge, "payload: too large");
  answer.size1 = 65536;
  dedup_.SetAnswered(Key(1), answer);
  EXPECT_EQ(Admit(Key(1)), State::kAnswered);
  EXPECT_EQ(answer_.code, CoapCode::kRequestEntityTooLarge);
  EXPECT_EQ(answer_.payload, "payload: too large");
  EXPECT_EQ(answer_.size1, 65536u);
}

TEST_F(MessageDedupTest, SenderIdAndContentTellMessagesApart) {
  EXPECT_EQ(Admit(Key(1, 1, 1000)), State::kNew);
  EXPECT_EQ(Admit(Key(2, 1, 1000)), State::kNew);
  EXPECT_EQ(Admit(Key(1, 2, 1000)), State::kNew);  // the ids have come round
  EXPECT_EQ(Admit(Key(1, 1, 1001)), State::kNew);
  EXPECT_EQ(Admit(Key(1, 1, 1000)), State::kPending);
}

TEST_F(MessageDedupTest, ForgetsWhatHadNoEffect) {
  Admit(Key(1));
  dedup_.Forget(Key(1));
  EXPECT_EQ(dedup_.stats().messages, 0);
  EXPECT_EQ(dedup_.stats().bytes, 0);
  Admit(Key(1));
  Admit(Key(2));
  dedup_.Forget(Key(1));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Admit(Key(1)), State::kNew);
  // The first entry's end does not take the second one with it.
  clock_.Advance(absl::Seconds(246));
  EXPECT_EQ(Admit(Key(1)), State::kPending);
}

TEST_F(MessageDedupTest, ForgetsAfterTheLifetime) {
  Admit(Key(1));
  dedup_.SetAnswered(Key(1), Answer(CoapCode::kBadRequest, "why"));
  clock_.Advance(absl::Seconds(100));
  Admit(Key(2));
  clock_.Advance(absl::Seconds(147));
  EXPECT_EQ(Admit(Key(1)), State::kNew);
  EXPECT_EQ(Admit(Key(2)), State::kPending);
  dedup_.SetAnswered(Key(3), Answer(CoapCode::kChanged));  // never seen: no effect
  clock_.Advance(absl::Seconds(247));
  EXPECT_EQ(Admit(Key(4)), State::kNew);
  EXPECT_EQ(dedup_.stats().messages, 1);
}

TEST(MessageDedupBoundsTest, TheOldestGoAndMemoryStaysInItsBound) {
  FakeClock clock;
  MessageDedup::Options options;
  options.max_bytes = 160 * 100;
  MessageDedup dedup(options, &clock);
  CoapAnswer answer;
  for (uint16_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(dedup.Admit(Key(i), &answer), State::kNew);
    dedup.SetAnswered(Key(i), Answer(CoapCode::kChanged));
  }
  EXPECT_EQ(dedup.stats().messages, 100);
  EXPECT_EQ(dedup.stats().evicted, 900);
  EXPECT_EQ(dedup.Admit(Key(999), &answer), State::kAnswered);
  EXPECT_EQ(dedup.Admit(Key(900), &answer), State::kAnswered);
  EXPECT_EQ(dedup.Admit(Key(899), &answer), State::kNew);
}

TEST(MessageDedupBoundsTest, AnswersCountWithTheirSize) {
  FakeClock clock;
  MessageDedup::Options options;
  options.max_bytes = 100'000;
  MessageDedup dedup(options, &clock);
  CoapAnswer answer;
  for (uint16_t i = 0; i < 1000; ++i) {
    dedup.Admit(Key(i), &answer);
    dedup.SetAnswered(Key(i), Answer(CoapCode::kBadRequest, std::string(512, 'x')));
    ASSERT_LE(dedup.stats().bytes, 100'000 + 1000);
  }
  EXPECT_LT(dedup.stats().messages, 150);
  EXPECT_GT(dedup.stats().messages, 50);
}

}  // namespace
}  // namespace sluice::ingress
