#include "libs/ring/ring_cursor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

class RingCursorTest : public testing::Test {
 protected:
  RingCursorTest() { EXPECT_EQ(producer_.Open(ring_.Options()), RingError::kNone); }

  void Append(const std::string& text) {
    ASSERT_EQ(AppendText(&producer_, text), RingError::kNone);
  }
  // Everything that can be read now, joined with spaces.
  std::string ReadAll(RingCursor* cursor) {
    std::string all;
    RingRecord record;
    while (cursor->CopyNext(buffer_.data(), buffer_.size(), &record, &gaps_) ==
           RingCursor::Outcome::kCopied) {
      absl::StrAppend(&all, all.empty() ? "" : " ", record.content);
    }
    return all;
  }
  uint8_t* At(uint64_t position) {
    return const_cast<uint8_t*>(producer_.Memory().data.bytes) + position % kMinCapacity;
  }
  std::atomic<uint64_t>& head() { return producer_.Memory().producer->head; }
  std::atomic<uint64_t>& tail() { return producer_.Memory().reader->tail; }

  TempRing ring_;
  RingProducer producer_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(1 << 20);
  std::vector<RingGap> gaps_;
};

TEST_F(RingCursorTest, ReadsInOrderEachOnce) {
  RingCursor cursor(producer_.Memory(), false);
  EXPECT_EQ(ReadAll(&cursor), "");
  Append("a");
  Append("b");
  EXPECT_EQ(ReadAll(&cursor), "a b");
  EXPECT_EQ(ReadAll(&cursor), "");
  Append("c");
  EXPECT_TRUE(cursor.MovedOn());
  EXPECT_EQ(ReadAll(&cursor), "c");
  EXPECT_FALSE(cursor.MovedOn());
  EXPECT_TRUE(gaps_.empty());
}

TEST_F(RingCursorTest, GivesSpaceBackOnlyByAdvance) {
  RingCursor cursor(producer_.Memory(), false);
  Append("a");
  Append("b");
  ReadAll(&cursor);
  EXPECT_EQ(tail().load(), 0u);
  EXPECT_FALSE(cursor.Advance(96)) << "not read";
  EXPECT_FALSE(cursor.Advance(33));
  EXPECT_TRUE(cursor.Advance(32));
  EXPECT_FALSE(cursor.Advance(0)) << "backwards";
  EXPECT_EQ(tail().load(), 32u);
  // A new reader begins there.
  RingCursor next(producer_.Memory(), false);
  EXPECT_EQ(ReadAll(&next), "b");
}

TEST_F(RingCursorTest, SkipsToWhatIsDurableElsewhere) {
  for (const char* text : {"a", "b", "c"}) Append(text);
  RingCursor cursor(producer_.Memory(), false);
  EXPECT_FALSE(cursor.SkipTo(128));
  EXPECT_FALSE(cursor.SkipTo(36));
  EXPECT_TRUE(cursor.SkipTo(64));
  EXPECT_EQ(tail().load(), 64u);
  EXPECT_EQ(ReadAll(&cursor), "c");
}

TEST_F(RingCursorTest, EveryDamagedByteOfARecordMakesAGap) {
  for (const char* text : {"a", "content", "c"}) Append(text);
  for (uint64_t at = 32; at < 32 + kRecordHeaderBytes + 7; ++at) {
    for (const uint8_t damage : {0x01, 0x80, 0xff}) {
      *At(at) ^= damage;
      RingCursor cursor(producer_.Memory(), false);
      gaps_.clear();
      EXPECT_EQ(ReadAll(&cursor), "a c") << "byte " << at;
      ASSERT_EQ(gaps_.size(), 1u);
      EXPECT_EQ(gaps_[0].from, 32u);
      EXPECT_EQ(gaps_[0].to, 64u);
      *At(at) ^= damage;
    }
  }
}

TEST_F(RingCursorTest, ADamagedFillerIsAGapAndNoMore) {
  RingCursor cursor(producer_.Memory(), false);
  const std::string text(9000, 'x');  // does not divide the capacity
  for (int i = 0; i < 7; ++i) Append(text);
  ReadAll(&cursor);
  const uint64_t filler = cursor.position();
  ASSERT_TRUE(cursor.Advance(filler));
  Append(text);
  Append("next");
  *At(filler + 16) ^= 1;
  RingCursor other(producer_.Memory(), false);
  EXPECT_EQ(ReadAll(&other), text + " next");
  ASSERT_EQ(gaps_.size(), 1u);
  EXPECT_EQ(gaps_[0].to % kMinCapacity, 0u);
}

TEST_F(RingCursorTest, StaysAtAHoleUntilAnIntactRecordEndsIt) {
  RingCursor cursor(producer_.Memory(), false);
  Append("a");
  Append("b");
  *At(32) ^= 1;
  EXPECT_EQ(ReadAll(&cursor), "a");
  EXPECT_EQ(cursor.position(), 32u);
  EXPECT_FALSE(cursor.MovedOn());
  EXPECT_TRUE(gaps_.empty());
  Append("c");
  EXPECT_EQ(ReadAll(&cursor), "c");
  ASSERT_EQ(gaps_.size(), 1u);
}

TEST_F(RingCursorTest, AWhollyDestroyedRingIsGivenUp) {
  RingCursor cursor(producer_.Memory(), false);
  while (AppendText(&producer_, "text") == RingError::kNone) {
  }
  std::memset(At(0), 0x5a, kMinCapacity);
  EXPECT_EQ(ReadAll(&cursor), "");
  ASSERT_EQ(gaps_.size(), 1u);
  Append("again");
  EXPECT_EQ(ReadAll(&cursor), "again");
}

TEST_F(RingCursorTest, ADestroyedRingIsGivenUpWithTheRecordBeforeIt) {
  RingCursor cursor(producer_.Memory(), false);
  while (AppendText(&producer_, "text") == RingError::kNone) {
  }
  std::memset(At(32), 0x5a, kMinCapacity - 32);
  EXPECT_EQ(ReadAll(&cursor), "text");
  const std::string larger(1000, 'x');
  EXPECT_EQ(AppendText(&producer_, larger), RingError::kFull) << "the first is not durable yet";
  ASSERT_TRUE(cursor.Advance(32));
  Append(larger);
  EXPECT_EQ(ReadAll(&cursor), larger);
}

TEST_F(RingCursorTest, DoesNotFollowHeadsThatCannotBe) {
  RingCursor cursor(producer_.Memory(), false);
  Append("a");
  ReadAll(&cursor);
  for (const uint64_t bad : {uint64_t{0}, uint64_t{33}, kMinCapacity + 8, ~uint64_t{0}}) {
    head() = bad;
    EXPECT_EQ(ReadAll(&cursor), "");
    EXPECT_FALSE(cursor.MovedOn()) << "would not sleep";
  }
  EXPECT_EQ(cursor.implausible_heads(), 4u);
  // Possible, but wrong: nothing that comes later is passed over.
  head() = 4096;
  EXPECT_EQ(ReadAll(&cursor), "");
  Append("b");
  EXPECT_EQ(ReadAll(&cursor), "b");
  EXPECT_TRUE(gaps_.empty());
}

TEST_F(RingCursorTest, TheLapBeforeIsNeverTakenForNew) {
  RingCursor cursor(producer_.Memory(), false);
  const std::string text(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    Append(text);
    ASSERT_EQ(ReadAll(&cursor), text);
    ASSERT_TRUE(cursor.Advance(cursor.position()));
  }
  // As if the head were published before the records: what stands there is of the lap before.
  head() = cursor.position() + 10 * 1024;
  EXPECT_EQ(ReadAll(&cursor), "");
}

TEST_F(RingCursorTest, AClosedRingIsReadWithoutItsHead) {
  for (const char* text : {"a", "b", "c"}) Append(text);
  for (const uint64_t bad : {uint64_t{0}, uint64_t{32}, ~uint64_t{0}}) {
    head() = bad;
    RingCursor cursor(producer_.Memory(), true);
    EXPECT_EQ(ReadAll(&cursor), "a b c");
    EXPECT_EQ(cursor.UsedBytes(), 96u);
    EXPECT_FALSE(cursor.MovedOn());
  }
}

TEST_F(RingCursorTest, AClosedRingWithAnOldTailGivesItsLastLap) {
  const std::string text(1000, 'x');
  for (int i = 0; i < 150; ++i) {
    Append(absl::StrCat(i, text));
    tail() = head().load();
  }
  // The tail's page did not reach the disk for a while; a page in the middle never did.
  tail() = 1032 * 20;
  std::memset(At(1032 * 120), 0, 4096);
  RingCursor cursor(producer_.Memory(), true);
  EXPECT_GE(cursor.tail(), head().load() - kMinCapacity);
  std::string all = ReadAll(&cursor);
  EXPECT_TRUE(absl::StartsWith(all, absl::StrCat(150 - 63, "x")) ||
              absl::StartsWith(all, absl::StrCat(150 - 62, "x")))
      << all.substr(0, 10);
  EXPECT_NE(all.find("149x"), std::string::npos);
  EXPECT_EQ(all.find("121x"), std::string::npos);
  EXPECT_EQ(cursor.position(), head().load());
  EXPECT_GE(gaps_.size(), 1u);
}

TEST_F(RingCursorTest, ADamagedTailLosesNothing) {
  for (const char* text : {"a", "b", "c"}) Append(text);
  for (const uint64_t bad : {uint64_t{7}, ~uint64_t{0}, uint64_t{1} << 40}) {
    tail() = bad;
    RingCursor cursor(producer_.Memory(), false);
    EXPECT_EQ(ReadAll(&cursor), "a b c");
  }
}

TEST_F(RingCursorTest, ATailOfAnEarlierLapStopsNothing) {
  RingCursor before(producer_.Memory(), false);
  for (int i = 0; i < 150; ++i) {
    Append(std::string(1000, 'x'));
    ReadAll(&before);
    ASSERT_TRUE(before.Advance(before.position()));
  }
  Append("a");
  tail() = 0;
  RingCursor cursor(producer_.Memory(), false);
  EXPECT_TRUE(absl::EndsWith(ReadAll(&cursor), " a"));
  ASSERT_TRUE(cursor.Advance(cursor.position()));
  Append("b");
  EXPECT_EQ(ReadAll(&cursor), "b");
}

TEST_F(RingCursorTest, AHeadOfALaterLapBringsNothingTwice) {
  for (const char* text : {"a", "b", "c"}) Append(text);
  tail() = 64;
  head() = uint64_t{1} << 40;
  RingCursor cursor(producer_.Memory(), false);
  Append("d");
  EXPECT_EQ(ReadAll(&cursor), "c d");
}

TEST_F(RingCursorTest, SaysWhenThereIsNoRoom) {
  Append(std::string(100, 'x'));
  RingCursor cursor(producer_.Memory(), false);
  RingRecord record;
  EXPECT_EQ(cursor.CopyNext(buffer_.data(), 100, &record, &gaps_), RingCursor::Outcome::kNoRoom);
  EXPECT_EQ(cursor.CopyNext(buffer_.data(), 128, &record, &gaps_), RingCursor::Outcome::kCopied);
}

}  // namespace
}  // namespace sluice::ring
