#include "libs/journal/marks_file.h"

#include <gtest/gtest.h>

#include <string>

#include "libs/file/memory_file_system.h"

namespace sluice::journal {
namespace {

constexpr char kPath[] = "/d/marks";

class MarksFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<MarksFile> Open() { return MarksFile::Open(&files_, "/d").value(); }

  Marks Example() {
    Marks marks;
    marks.identity = identity_;
    marks.adopted_below = 1;
    marks.begin_offset = 2;
    marks.reserved_end = 3;
    return marks;
  }

  MemoryFileSystem files_;
  const Identity identity_ = Identity::Random();
};

TEST_F(MarksFileTest, ANewFileHasNoMarks) {
  EXPECT_FALSE(Open()->marks().has_value());
  EXPECT_FALSE(Open()->durable_hint().has_value());
}

TEST_F(MarksFileTest, GivesBackWhatWasStoredLast) {
  auto file = Open();
  Marks marks = Example();
  for (marks.reserved_end = 3; marks.reserved_end < 8; ++marks.reserved_end) {
    marks.clean = marks.reserved_end % 2 == 0;
    ASSERT_TRUE(file->Store(marks).ok());
    auto reopened = Open();
    ASSERT_TRUE(reopened->marks().has_value());
    EXPECT_TRUE(reopened->marks()->identity == identity_);
    EXPECT_EQ(reopened->marks()->adopted_below, 1);
    EXPECT_EQ(reopened->marks()->begin_offset, 2);
    EXPECT_EQ(reopened->marks()->reserved_end, marks.reserved_end);
    EXPECT_EQ(reopened->marks()->clean, marks.clean);
  }
}

TEST_F(MarksFileTest, ADamagedStoreLeavesTheOneBefore) {
  auto file = Open();
  Marks marks = Example();
  ASSERT_TRUE(file->Store(marks).ok());
  const std::string before = files_.Content(kPath);
  marks.reserved_end = 100;
  ASSERT_TRUE(file->Store(marks).ok());
  std::string after = files_.Content(kPath);
  for (size_t i = 0; i < after.size(); ++i) {
    const char old = i < before.size() ? before[i] : '\0';
    if (after[i] == old) continue;
    std::string torn = after;
    torn[i] ^= 0x10;
    files_.SetContent(kPath, torn);
    EXPECT_EQ(Open()->marks()->reserved_end, 3) << i;
  }
  files_.SetContent(kPath, std::string(9000, 'x'));
  EXPECT_FALSE(Open()->marks().has_value());
}

TEST_F(MarksFileTest, TheHintHoldsUntilTheMachineStops) {
  auto file = Open();
  ASSERT_TRUE(file->Store(Example()).ok());
  ASSERT_TRUE(files_.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->NoteDurable(77).ok());
  EXPECT_EQ(Open()->durable_hint(), 77);
  files_.LosePower(1 << 20);
  EXPECT_FALSE(Open()->durable_hint().has_value());
  EXPECT_EQ(Open()->marks()->reserved_end, 3);
}

TEST_F(MarksFileTest, AHintOfAnotherIdentityIsNone) {
  auto file = Open();
  ASSERT_TRUE(file->Store(Example()).ok());
  ASSERT_TRUE(file->NoteDurable(77).ok());
  Marks other = Example();
  other.identity = Identity::Random();
  ASSERT_TRUE(file->Store(other).ok());
  EXPECT_FALSE(Open()->durable_hint().has_value());
}

TEST_F(MarksFileTest, AFullDiskStopsNothing) {
  auto file = Open();
  files_.SetFreeBytes(0);
  EXPECT_TRUE(file->Store(Example()).ok());
  EXPECT_TRUE(file->Store(Example()).ok());
  EXPECT_TRUE(file->NoteDurable(7).ok());
}

TEST_F(MarksFileTest, AFailedStoreChangesNothing) {
  auto file = Open();
  ASSERT_TRUE(file->Store(Example()).ok());
  files_.FailSyncs("marks", absl::UnavailableError("gone"));
  Marks marks = Example();
  marks.reserved_end = 9;
  EXPECT_FALSE(file->Store(marks).ok());
  EXPECT_EQ(file->marks()->reserved_end, 3);
}

}  // namespace
}  // namespace sluice::journal
