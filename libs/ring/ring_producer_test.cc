#include "libs/ring/ring_producer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

class RingProducerTest : public testing::Test {
 protected:
  RingProducerTest() { EXPECT_EQ(producer_.Open(ring_.Options()), RingError::kNone); }

  void SetTail(uint64_t tail) { producer_.Memory().reader->tail = tail; }
  uint64_t PublishedHead() { return producer_.Memory().producer->head; }
  // What kill -9 does: nothing is tidied up.
  void Restart() {
    producer_.Close();
    ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  }
  void Damage(uint64_t position) {
    const_cast<uint8_t*>(producer_.Memory().data.bytes)[position % kMinCapacity] ^= 1;
  }

  TempRing ring_;
  RingProducer producer_;
};

TEST_F(RingProducerTest, AppendsTheRecordOfTheFormat) {
  const Piece pieces[] = {{"AB", 2}, {nullptr, 0}, {"C", 1}};
  ASSERT_EQ(producer_.Append(pieces, 3, 0), RingError::kNone);
  EXPECT_EQ(PublishedHead(), 32u);
  const DataArea data = producer_.Memory().data;
  EXPECT_EQ(std::memcmp(data.bytes + 8, "\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0ABC", 19), 0);
  EXPECT_TRUE(ChecksumIsRight(data.seed, data.bytes));
}

TEST_F(RingProducerTest, FullMeansThatNothingIsWritten) {
  const std::string text(1000, 'x');
  int appended = 0;
  while (AppendText(&producer_, text) == RingError::kNone) ++appended;
  EXPECT_EQ(appended, 64);  // 1024 bytes each
  const std::string before(reinterpret_cast<const char*>(producer_.Memory().data.bytes),
                           kMinCapacity);
  EXPECT_EQ(AppendText(&producer_, "y"), RingError::kFull);
  EXPECT_EQ(PublishedHead(), kMinCapacity);
  EXPECT_TRUE(before == std::string(reinterpret_cast<const char*>(producer_.Memory().data.bytes),
                                    kMinCapacity));
  EXPECT_EQ(producer_.stats().full, 2u);
  SetTail(1024);
  EXPECT_EQ(AppendText(&producer_, text), RingError::kNone);
  EXPECT_EQ(AppendText(&producer_, text), RingError::kFull);
}

TEST_F(RingProducerTest, TakesTheLargestRecordAndNoLarger) {
  const std::string largest(producer_.max_content_bytes(), 'x');
  EXPECT_EQ(AppendText(&producer_, largest), RingError::kNone);
  EXPECT_EQ(AppendText(&producer_, largest + "x"), RingError::kTooLarge);
  const Piece huge[] = {{"x", SIZE_MAX}, {"x", 1}};
  EXPECT_EQ(producer_.Append(huge, 2, 0), RingError::kTooLarge);
  // Anywhere in an empty ring.
  for (int i = 0; i < 1000; ++i) {
    SetTail(PublishedHead());
    ASSERT_EQ(AppendText(&producer_, std::string(i * 8, 'y')), RingError::kNone);
    SetTail(PublishedHead());
    ASSERT_EQ(AppendText(&producer_, largest), RingError::kNone);
  }
}

TEST_F(RingProducerTest, TailsThatCannotBeAreNotBelieved) {
  const std::string text(1000, 'x');
  while (AppendText(&producer_, text) == RingError::kNone) {
  }
  for (const uint64_t tail : {kMinCapacity + 8, uint64_t{1025}, ~uint64_t{0}, uint64_t{1} << 63}) {
    SetTail(tail);
    EXPECT_EQ(AppendText(&producer_, text), RingError::kFull) << tail;
  }
  SetTail(2048);
  EXPECT_EQ(AppendText(&producer_, text), RingError::kNone);
  SetTail(1024);  // backwards
  EXPECT_EQ(AppendText(&producer_, text), RingError::kNone);
  EXPECT_EQ(AppendText(&producer_, text), RingError::kFull);
  EXPECT_GE(producer_.stats().implausible_tails, 5u);
}

TEST_F(RingProducerTest, TellsWhenItGetsFull) {
  EXPECT_FALSE(producer_.AboveHighMark());
  while (producer_.UsedBytes() < kMinCapacity / 4 * 3) {
    EXPECT_FALSE(producer_.AboveHighMark());
    ASSERT_EQ(AppendText(&producer_, "x"), RingError::kNone);
  }
  EXPECT_TRUE(producer_.AboveHighMark());
  SetTail(32);
  EXPECT_FALSE(producer_.AboveHighMark());
}

TEST_F(RingProducerTest, RefusesWhenTheFileWasDeletedOrReplaced) {
  ASSERT_EQ(AppendText(&producer_, "x", 1000), RingError::kNone);
  ASSERT_EQ(rename(ring_.path().c_str(), ring_.Beside(".away").c_str()), 0);
  EXPECT_EQ(AppendText(&producer_, "x", 1999), RingError::kNone) << "looks once a second";
  EXPECT_EQ(AppendText(&producer_, "x", 2000), RingError::kReplaced);
  EXPECT_EQ(AppendText(&producer_, "x", 2500), RingError::kReplaced);
  EXPECT_EQ(PublishedHead(), 64u);
  TempRing other;
  RingProducer stranger;
  ASSERT_EQ(stranger.Open(other.Options()), RingError::kNone);
  ASSERT_EQ(rename(other.path().c_str(), ring_.path().c_str()), 0);
  EXPECT_EQ(AppendText(&producer_, "x", 3000), RingError::kReplaced);
  ASSERT_EQ(rename(ring_.Beside(".away").c_str(), ring_.path().c_str()), 0);
  EXPECT_EQ(AppendText(&producer_, "x", 4000), RingError::kNone);
  // A file cut short would end the process at its next page.
  ASSERT_EQ(truncate(ring_.path().c_str(), kDataStart), 0);
  EXPECT_EQ(AppendText(&producer_, "x", 5000), RingError::kReplaced);
}

TEST_F(RingProducerTest, GoesOnBehindWhatIsThere) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(AppendText(&producer_, "text"), RingError::kNone);
  SetTail(64);
  Restart();
  EXPECT_EQ(producer_.head(), 5 * 32u);
  EXPECT_EQ(producer_.UsedBytes(), 3 * 32u);
}

TEST_F(RingProducerTest, FindsARecordThatWasNotPublishedAnyMore) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(AppendText(&producer_, "text"), RingError::kNone);
  producer_.Memory().producer->head = 4 * 32;
  Restart();
  EXPECT_EQ(PublishedHead(), 5 * 32u);
}

TEST_F(RingProducerTest, DoesNotTrustTheHead) {
  for (const uint64_t head : {uint64_t{0}, uint64_t{33}, ~uint64_t{0}, uint64_t{1} << 50}) {
    ASSERT_EQ(AppendText(&producer_, "text"), RingError::kNone);
    const uint64_t right = producer_.head();
    producer_.Memory().producer->head = head;
    Restart();
    EXPECT_EQ(producer_.head(), right) << head;
  }
}

TEST_F(RingProducerTest, NeverGivesAPublishedPositionOutAgain) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(AppendText(&producer_, "text"), RingError::kNone);
  Damage(4 * 32 + 24);
  Restart();
  EXPECT_EQ(producer_.head(), 5 * 32u);
}

TEST_F(RingProducerTest, DoesNotTakeTheLapBeforeForNew) {
  const std::string text(1000, 'x');
  for (int i = 0; i < 150; ++i) {
    ASSERT_EQ(AppendText(&producer_, text), RingError::kNone);
    SetTail(PublishedHead());
  }
  Restart();
  EXPECT_EQ(producer_.head(), 150 * 1024u);
  EXPECT_EQ(producer_.UsedBytes(), 0u);
}

TEST_F(RingProducerTest, SurvivesADamagedTail) {
  const std::string text(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(AppendText(&producer_, text), RingError::kNone);
    SetTail(PublishedHead());
  }
  for (const uint64_t tail : {uint64_t{3}, ~uint64_t{0}}) {
    SetTail(tail);
    Restart();
    EXPECT_EQ(producer_.head(), 100 * 1024u);
    EXPECT_LE(producer_.head() - kMinCapacity, 100 * 1024u);
  }
}

TEST_F(RingProducerTest, NoTailTakesItToWhereRecordsAreNotBelieved) {
  const uint64_t highest_tail = kMaxTail - 8;
  for (const uint64_t tail : {kMaxPosition - 8, highest_tail}) {
    SetTail(tail);
    Restart();
    ASSERT_EQ(AppendText(&producer_, "text"), RingError::kNone);
    const uint64_t head = producer_.head();
    SetTail(head);
    Restart();
    EXPECT_EQ(producer_.head(), head) << "a position is given out again";
  }
}

TEST_F(RingProducerTest, WakesOnlyAReaderThatSleeps) {
  std::atomic<uint32_t>& waiting = producer_.Memory().reader->waiting;
  for (const uint32_t state : {kAwake, kNapping, kAsleep, kAwake}) {
    waiting = state;
    ASSERT_EQ(AppendText(&producer_, "x"), RingError::kNone);
    EXPECT_EQ(waiting.load(), state == kAsleep ? kAwake : state);
  }
  EXPECT_EQ(producer_.stats().wakeups, 1u);
}

TEST(UnopenedRingProducerTest, SaysSo) {
  RingProducer producer;
  EXPECT_EQ(AppendText(&producer, "x"), RingError::kNotOpen);
  EXPECT_EQ(producer.Sync(), RingError::kNotOpen);
  EXPECT_EQ(producer.UsedBytes(), 0u);
  producer.AddToCounter(0, 1);
  for (int error = 0; error <= static_cast<int>(RingError::kSystem); ++error) {
    EXPECT_STRNE(RingErrorText(static_cast<RingError>(error)), "unknown error");
  }
}

}  // namespace
}  // namespace sluice::ring
