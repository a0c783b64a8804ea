#include "tools/sluicectl/tail_position.h"

#include <gtest/gtest.h>

namespace sluice::sluicectl {
namespace {

using Entry = TailPosition::Entry;

v1::Start Latest() {
  v1::Start start;
  start.mutable_latest();
  return start;
}

TEST(TailPositionTest, ANamelessTailGoesOnWhereItWas) {
  TailPosition position(/*named=*/false, Latest());
  EXPECT_TRUE(position.NextStart().has_latest());
  EXPECT_EQ(position.Enter("one"), Entry::kContinues);
  position.Advance(7);
  EXPECT_EQ(position.NextStart().offset(), 7);
  EXPECT_EQ(position.Enter("one"), Entry::kContinues);
  EXPECT_FALSE(position.IsNew(6));
  EXPECT_TRUE(position.IsNew(7));
  position.Advance(3);
  EXPECT_EQ(position.next_offset(), 7);
}

TEST(TailPositionTest, ANamelessTailBeginsAnewInAnotherJournal) {
  TailPosition position(/*named=*/false, Latest());
  position.Enter("one");
  position.Advance(7);
  EXPECT_EQ(position.Enter("two"), Entry::kReopen);
  EXPECT_TRUE(position.NextStart().has_earliest());
  EXPECT_TRUE(position.IsNew(0));
  EXPECT_EQ(position.Enter("two"), Entry::kNewJournal);
  EXPECT_EQ(position.Enter("two"), Entry::kContinues);
  position.Advance(1);
  EXPECT_EQ(position.NextStart().offset(), 1);
}

TEST(TailPositionTest, AnOffsetThatIsGoneLeadsToTheOldestRecord) {
  TailPosition position(/*named=*/false, Latest());
  EXPECT_FALSE(position.OffsetIsGone());
  position.Enter("one");
  position.Advance(7);
  EXPECT_TRUE(position.OffsetIsGone());
  EXPECT_TRUE(position.NextStart().has_earliest());
  EXPECT_FALSE(position.OffsetIsGone());
  EXPECT_EQ(position.Enter("two"), Entry::kNewJournal);
  EXPECT_TRUE(position.IsNew(0));
}

TEST(TailPositionTest, ANamedTailLeavesTheCursorToTheService) {
  TailPosition position(/*named=*/true, Latest());
  EXPECT_TRUE(position.NextStart().has_latest());
  position.Enter("one");
  position.Advance(7);
  EXPECT_TRUE(position.NextStart().has_resume());
  EXPECT_FALSE(position.OffsetIsGone());
  // The service sends again what was not acknowledged.
  EXPECT_EQ(position.Enter("one"), Entry::kContinues);
  EXPECT_FALSE(position.IsNew(6));
  EXPECT_EQ(position.Enter("two"), Entry::kNewJournal);
  EXPECT_TRUE(position.IsNew(0));
}

}  // namespace
}  // namespace sluice::sluicectl
