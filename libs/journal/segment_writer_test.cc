#include "libs/journal/segment_writer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "libs/file/memory_file_system.h"

namespace sluice::journal {
namespace {

constexpr char kPath[] = "/d/segment";
constexpr int64_t kSegmentBytes = 1 << 20;
constexpr int64_t kSpareBytes = 1 << 20;

class SegmentWriterTest : public ::testing::Test {
 protected:
  // After an error it is taken back, as the journal does it.
  static absl::Status Append(SegmentWriter* writer, absl::string_view frame) {
    const int64_t position = writer->position();
    writer->added()->append(frame.data(), frame.size());
    absl::Status status = writer->Flush(kSpareBytes);
    if (!status.ok()) writer->TakeBack(position);
    return status;
  }
  std::unique_ptr<SegmentWriter> Create() {
    return SegmentWriter::Create(&files_, kPath, SegmentHeader{}, kSegmentBytes).value();
  }
  // Without the zeros, which no frame here ends with.
  std::string Records() {
    std::string content = files_.Content(kPath).substr(kSegmentHeaderBytes);
    content.erase(content.find_last_not_of('\0') + 1);
    return content;
  }

  MemoryFileSystem files_;
};

TEST_F(SegmentWriterTest, AppendsBehindTheHeader) {
  files_.SetContent(kPath, std::string(500, 'x'));
  auto writer = Create();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
  EXPECT_EQ(writer->position(), kSegmentHeaderBytes + 6);
}

TEST_F(SegmentWriterTest, WhatIsAddedIsWrittenAtOnceAndStaysIfThatFails) {
  auto writer = Create();
  writer->added()->append("one");
  writer->added()->append("two");
  EXPECT_EQ(Records(), "");
  EXPECT_EQ(writer->written(), kSegmentHeaderBytes);
  EXPECT_EQ(writer->position(), kSegmentHeaderBytes + 6);
  files_.SetFreeBytes(4);
  EXPECT_FALSE(writer->Flush(kSpareBytes).ok());
  files_.Heal();
  writer->added()->append("three");
  writer->TakeBack(kSegmentHeaderBytes + 6);
  EXPECT_TRUE(writer->Flush(kSpareBytes).ok());
  EXPECT_EQ(Records(), "onetwo");
  EXPECT_EQ(writer->written(), writer->position());
}

TEST_F(SegmentWriterTest, GoesOnWhereAFileEnds) {
  auto writer = Create();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  auto second = SegmentWriter::Continue(&files_, kPath, writer->position(), kSegmentBytes).value();
  ASSERT_TRUE(Append(second.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, AWriteThatStopsHalfWayLeavesNothing) {
  auto writer = Create();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  writer->Finish();
  files_.SetFreeBytes(4);
  EXPECT_EQ(Append(writer.get(), "too long").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Records(), "one");
  files_.Heal();
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, WhatCannotBeCutOffAtOnceIsCutOffBeforeTheNext) {
  auto writer = Create();
  files_.SetFreeBytes(4);
  files_.FailTruncates(absl::UnavailableError("not now"));
  EXPECT_FALSE(Append(writer.get(), "too long").ok());
  EXPECT_EQ(Records(), "too ");
  EXPECT_EQ(Append(writer.get(), "a").code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  ASSERT_TRUE(Append(writer.get(), "a").ok());
  EXPECT_EQ(Records(), "a");
}

TEST_F(SegmentWriterTest, FillsTheFileAheadUpToTheEndOfTheSegment) {
  auto writer = Create();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  const std::string filled = files_.Content(kPath);
  EXPECT_GT(filled.size(), 100'000u);
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(files_.Content(kPath).size(), filled.size());
  ASSERT_TRUE(Append(writer.get(), std::string(kSegmentBytes - 1000, 'x')).ok());
  EXPECT_EQ(files_.Content(kPath).size(), static_cast<size_t>(kSegmentBytes));
  ASSERT_TRUE(Append(writer.get(), std::string(1000, 'x')).ok());
  EXPECT_EQ(files_.Content(kPath).size(), static_cast<size_t>(writer->written()));
}

TEST_F(SegmentWriterTest, TakesTheZerosBackInTheEnd) {
  auto writer = Create();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  writer->Finish();
  EXPECT_EQ(files_.Content(kPath).size(), static_cast<size_t>(writer->written()));
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, WritesNoMoreZerosThanThereIsSpace) {
  auto writer = Create();
  writer->added()->append("one");
  ASSERT_TRUE(writer->Flush(/*spare_bytes=*/100).ok());
  EXPECT_EQ(writer->ahead_bytes(), 100);
  EXPECT_EQ(files_.Content(kPath).size(), static_cast<size_t>(writer->written()) + 100);
}

TEST_F(SegmentWriterTest, ZerosThatHaveNoRoomAreDoneWithout) {
  auto writer = Create();
  files_.SetFreeBytes(100);
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
  EXPECT_EQ(files_.Content(kPath).size(), static_cast<size_t>(writer->written()));
  files_.Heal();
  ASSERT_TRUE(Append(writer.get(), "three").ok());
  EXPECT_EQ(writer->ahead_bytes(), 0) << "on a full disk each would be in vain";
}

TEST_F(SegmentWriterTest, AFileThatCannotBeMadeIsNotLeftBehind) {
  files_.SetFreeBytes(10);
  EXPECT_FALSE(SegmentWriter::Create(&files_, kPath, SegmentHeader{}, kSegmentBytes).ok());
  EXPECT_FALSE(files_.Exists(kPath));
}

}  // namespace
}  // namespace sluice::journal
