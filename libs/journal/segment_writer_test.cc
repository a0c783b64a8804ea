#include "libs/journal/segment_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "libs/file/memory_file_system.h"

namespace sluice::journal {
namespace {

constexpr char kPath[] = "/d/segment";

class SegmentWriterTest : public ::testing::Test {
 protected:
  std::string Records() { return files_.Content(kPath).substr(kSegmentHeaderBytes); }

  MemoryFileSystem files_;
};

TEST_F(SegmentWriterTest, AppendsBehindTheHeader) {
  files_.SetContent(kPath, std::string(500, 'x'));
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  ASSERT_TRUE(writer->Append("one").ok());
  ASSERT_TRUE(writer->Append("two").ok());
  EXPECT_EQ(Records(), "onetwo");
  EXPECT_EQ(writer->position(), kSegmentHeaderBytes + 6);
}

TEST_F(SegmentWriterTest, GoesOnWhereAFileEnds) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  ASSERT_TRUE(writer->Append("one").ok());
  auto second = SegmentWriter::Continue(&files_, kPath, writer->position()).value();
  ASSERT_TRUE(second->Append("two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, AWriteThatStopsHalfWayLeavesNothing) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  ASSERT_TRUE(writer->Append("one").ok());
  files_.SetFreeBytes(4);
  EXPECT_EQ(writer->Append("too long").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Records(), "one");
  files_.Heal();
  ASSERT_TRUE(writer->Append("two").ok());
  EXPECT_EQ(Records(), "onetwo");
}

TEST_F(SegmentWriterTest, WhatCannotBeCutOffAtOnceIsCutOffBeforeTheNext) {
  auto writer = SegmentWriter::Create(&files_, kPath, SegmentHeader{}).value();
  files_.SetFreeBytes(4);
  files_.FailTruncates(absl::UnavailableError("not now"));
  EXPECT_FALSE(writer->Append("too long").ok());
  EXPECT_EQ(Records(), "too ");
  EXPECT_EQ(writer->Append("a").code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  ASSERT_TRUE(writer->Append("a").ok());
  EXPECT_EQ(Records(), "a");
}

TEST_F(SegmentWriterTest, AFileThatCannotBeMadeIsNotLeftBehind) {
  files_.SetFreeBytes(10);
  EXPECT_FALSE(SegmentWriter::Create(&files_, kPath, SegmentHeader{}).ok());
  EXPECT_FALSE(files_.Exists(kPath));
}

}  // namespace
}  // namespace sluice::journal
