#include "libs/journal/segment_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "libs/file/memory_file_system.h"

namespace sluice::journal {
namespace {

constexpr char kPath[] = "/d/segment";

class SegmentWriterTest : public ::testing::Test {
 protected:
  // After an error it is taken back, as the journal does it.
  static absl::Status Append(SegmentWriter* writer, absl::string_view frame) {
    const int64_t position = writer->position();
    writer->added()->append(frame.data(), frame.size());
    absl::Status status = writer->Flush();
    if (!status.ok()) writer->TakeBack(position);
    return status;
  }
  std::string Records() { return files_.Content(kPath).substr(kSegmentHeaderBytes); }

  MemoryFileSystem files_;
};

TEST_F(SegmentWriterTest, AppendsBehindTheHeader) {
  files_.SetContent(kPath, std::string(500, 'x'));
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
  EXPECT_EQ(writer->position(), kSegmentHeaderBytes + 6);
}

TEST_F(SegmentWriterTest, WhatIsAddedIsWrittenAtOnceAndStaysIfThatFails) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  writer->added()->append("one");
  writer->added()->append("two");
  EXPECT_EQ(Records(), "");
  EXPECT_EQ(writer->written(), kSegmentHeaderBytes);
  EXPECT_EQ(writer->position(), kSegmentHeaderBytes + 6);
  files_.SetFreeBytes(4);
  EXPECT_FALSE(writer->Flush().ok());
  files_.Heal();
  writer->added()->append("three");
  writer->TakeBack(kSegmentHeaderBytes + 6);
  EXPECT_TRUE(writer->Flush().ok());
  EXPECT_EQ(Records(), "onetwo");
  EXPECT_EQ(writer->written(), writer->position());
}

TEST_F(SegmentWriterTest, GoesOnWhereAFileEnds) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  auto second = SegmentWriter::Continue(&files_, kPath, writer->position()).value();
  ASSERT_TRUE(Append(second.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, AWriteThatStopsHalfWayLeavesNothing) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  ASSERT_TRUE(Append(writer.get(), "one").ok());
  files_.SetFreeBytes(4);
  EXPECT_EQ(Append(writer.get(), "too long").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Records(), "one");
  files_.Heal();
  ASSERT_TRUE(Append(writer.get(), "two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, WhatCannotBeCutOffAtOnceIsCutOffBeforeTheNext) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  files_.SetFreeBytes(4);
  files_.FailTruncates(absl::UnavailableError("not now"));
  EXPECT_FALSE(Append(writer.get(), "too long").ok());
  EXPECT_EQ(Records(), "too ");
  EXPECT_EQ(Append(writer.get(), "a").code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  ASSERT_TRUE(Append(writer.get(), "a").ok());
  EXPECT_EQ(Records(), "a");
}

TEST_F(SegmentWriterTest, AFileThatCannotBeMadeIsNotLeftBehind) {
  files_.SetFreeBytes(10);
  EXPECT_FALSE(SegmentWriter::Create(&files_, kPath, SegmentHeader{}).ok());
  EXPECT_FALSE(files_.Exists(kPath));
}

}  // namespace
}  // namespace sluice::journal
