#include "libs/journal/marks_file.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <string>

#include "libs/file/memory_file_system.h"
#include "libs/journal/little_endian.h"

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
    marks.dropped_before_begin = 1;
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
    EXPECT_EQ(reopened->marks()->dropped_before_begin, 1);
    EXPECT_EQ(reopened->marks()->clean, marks.clean);
  }
}

// A slot of version 1, byte by byte, with what its reserved number should not be.
constexpr char kVersion1[] =
    "SLUICEMK"
    "\1\0\0\0"
    "\1\0\0\0"
    "\2\0\0\0\0\0\0\0"
    "0123456789abcdef"
    "\7\0\0\0\0\0\0\0"
    "\4\0\0\0\0\0\0\0"
    "\5\0\0\0\0\0\0\0"
    "\6\0\0\0\0\0\0\0"
    "\3\0\0\0\0\0\0\0";

std::string WithVersion(char version) {
  std::string slot(kVersion1, sizeof(kVersion1) - 1);
  slot[8] = version;
  AppendNumber<uint64_t>(XXH3_64bits(slot.data(), slot.size()), &slot);
  return slot;
}

TEST_F(MarksFileTest, TakesOverAnOlderVersionWhole) {
  files_.SetContent(kPath, WithVersion(1));
  auto file = Open();
  ASSERT_TRUE(file->marks().has_value());
  Marks marks = *file->marks();
  EXPECT_EQ(std::string(marks.identity.id.begin(), marks.identity.id.end()), "0123456789abcdef");
  EXPECT_EQ(marks.identity.salt, 7u);
  EXPECT_EQ(marks.adopted_below, 4);
  EXPECT_EQ(marks.begin_offset, 5);
  EXPECT_EQ(marks.reserved_end, 6);
  EXPECT_EQ(marks.dropped_before_begin, 0);
  EXPECT_TRUE(marks.clean);
  // Stored anew it is of this version, and newer than what stands in the other slot.
  marks.dropped_before_begin = 2;
  ASSERT_TRUE(file->Store(marks).ok());
  EXPECT_EQ(files_.Content(kPath)[4096 + 8], 2);
  EXPECT_EQ(Open()->marks()->dropped_before_begin, 2);
}

TEST_F(MarksFileTest, RefusesANewerVersionAndTouchesNothing) {
  const std::string newer = WithVersion(3) + std::string(20'000, '\0');
  files_.SetContent(kPath, newer);
  const absl::Status status = MarksFile::Open(&files_, "/d").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "the format of the journal's marks is version 3; this program knows up to 2");
  EXPECT_EQ(files_.Content(kPath), newer);
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
  files_.SetContent(kPath, std::string(20'000, 'x'));
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

TEST_F(MarksFileTest, ACopyHasNoMarksUntilItHasSomeOfItsOwn) {
  ASSERT_TRUE(Open()->Store(Example()).ok());
  const std::string content = files_.Content(kPath);
  ASSERT_TRUE(files_.Remove(kPath).ok());
  files_.SetContent(kPath, content);
  for (int crashes = 0; crashes < 2; ++crashes) EXPECT_FALSE(Open()->marks().has_value());
  Marks own = Example();
  own.identity = Identity::Random();
  ASSERT_TRUE(Open()->Store(own).ok());
  EXPECT_TRUE(Open()->marks()->identity == own.identity);
}

TEST_F(MarksFileTest, AnImageOfTheDiskAndARenamedFileAreNoCopies) {
  ASSERT_TRUE(Open()->Store(Example()).ok());
  MemoryFileSystem image;
  files_.ImageTo(&image);
  EXPECT_TRUE(MarksFile::Open(&image, "/d").value()->marks().has_value());
  ASSERT_TRUE(files_.Rename(kPath, "/e/marks").ok());
  EXPECT_TRUE(MarksFile::Open(&files_, "/e").value()->marks().has_value());
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
