#include "services/ingress/dead_letters/dead_letter_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "libs/file/atomic_file.h"
#include "services/ingress/testing/fake_journal.h"
#include "sluice/state/v1/dead_letters.pb.h"

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;

class DeadLetterMarksTest : public ::testing::Test {
 protected:
  DeadLetterMarksTest() {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/marksXXXXXX";
    path_ = std::string(mkdtemp(pattern.data())) + "/done";
    Reopen();
  }

  void Reopen() { marks_ = DeadLetterMarks::Open(path_, &journal_).value(); }

  state::v1::DeadLetterMarks Stored() {
    state::v1::DeadLetterMarks file;
    EXPECT_TRUE(file.ParseFromString(ReadFile(path_, 1 << 20).value()));
    return file;
  }

  std::string path_;
  FakeJournal journal_;
  std::unique_ptr<DeadLetterMarks> marks_;
};

TEST_F(DeadLetterMarksTest, NothingIsMarkedAtFirst) {
  EXPECT_EQ(marks_->begin(), 0);
  EXPECT_FALSE(marks_->Replayed(0));
  journal_.DeleteBelow(5);
  EXPECT_EQ(marks_->begin(), 5);
}

TEST_F(DeadLetterMarksTest, MarksOutliveTheProcess) {
  ASSERT_TRUE(marks_->PurgeBelow(3).ok());
  ASSERT_TRUE(marks_->MarkReplayed({7, 5, 9}).ok());
  ASSERT_TRUE(marks_->MarkReplayed({}).ok());
  Reopen();
  EXPECT_EQ(marks_->begin(), 3);
  for (const int64_t offset : {5, 7, 9}) EXPECT_TRUE(marks_->Replayed(offset)) << offset;
  for (const int64_t offset : {4, 6, 8, 10}) EXPECT_FALSE(marks_->Replayed(offset)) << offset;
}

TEST_F(DeadLetterMarksTest, NeighboursBecomeOneRange) {
  ASSERT_TRUE(marks_->MarkReplayed({1, 3, 2, 2, 7, 6, 0}).ok());
  EXPECT_EQ(Stored().replayed_size(), 4);
  for (const int64_t offset : {0, 1, 2, 3, 6, 7}) EXPECT_TRUE(marks_->Replayed(offset)) << offset;
  for (const int64_t offset : {-1, 4, 5, 8}) EXPECT_FALSE(marks_->Replayed(offset)) << offset;
}

TEST_F(DeadLetterMarksTest, APurgeNeverGoesBackAndForgetsWhatIsBelow) {
  ASSERT_TRUE(marks_->MarkReplayed({1, 4, 8}).ok());
  ASSERT_TRUE(marks_->PurgeBelow(6).ok());
  ASSERT_TRUE(marks_->PurgeBelow(2).ok());
  EXPECT_EQ(marks_->begin(), 6);
  EXPECT_EQ(Stored().replayed_size(), 2);
  EXPECT_TRUE(marks_->Replayed(8));
}

TEST_F(DeadLetterMarksTest, MarksOfAnotherLogMeanNothing) {
  ASSERT_TRUE(marks_->PurgeBelow(3).ok());
  ASSERT_TRUE(marks_->MarkReplayed({7}).ok());
  FakeJournal other("another");
  const absl::Status status = DeadLetterMarks::Open(path_, &other).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << "to be told: its letters show again";
  EXPECT_THAT(status.message(), HasSubstr("another id"));
}

TEST_F(DeadLetterMarksTest, WhatIsNotPurgedIsStillNeeded) {
  EXPECT_EQ(journal_.retention_point(), 0);
  ASSERT_TRUE(marks_->MarkReplayed({0}).ok());
  EXPECT_EQ(journal_.retention_point(), 0);
  ASSERT_TRUE(marks_->PurgeBelow(3).ok());
  EXPECT_EQ(journal_.retention_point(), 3);
  journal_.SetRetentionPoint(INT64_MAX);
  marks_ = DeadLetterMarks::Open(path_, &journal_).value();
  EXPECT_EQ(journal_.retention_point(), 3);
}

TEST_F(DeadLetterMarksTest, WhatCannotBeWrittenDidNotHappen) {
  ASSERT_EQ(mkdir((path_ + ".tmp").c_str(), 0700), 0);
  EXPECT_FALSE(marks_->PurgeBelow(3).ok());
  EXPECT_FALSE(marks_->MarkReplayed({7}).ok());
  EXPECT_EQ(marks_->begin(), 0);
  EXPECT_FALSE(marks_->Replayed(7));
}

TEST_F(DeadLetterMarksTest, KnowsWhenItIsFull) {
  std::vector<int64_t> offsets;
  for (size_t i = 0; i < DeadLetterMarks::kMaxRanges; ++i) {
    offsets.push_back(2 * static_cast<int64_t>(i));
  }
  ASSERT_TRUE(marks_->MarkReplayed(offsets).ok());
  EXPECT_FALSE(marks_->HasRoomFor(1));
  EXPECT_TRUE(marks_->HasRoomFor(0));
  Reopen();
  ASSERT_TRUE(marks_->PurgeBelow(100).ok());
  EXPECT_TRUE(marks_->HasRoomFor(50));
  EXPECT_FALSE(marks_->HasRoomFor(51));
}

TEST_F(DeadLetterMarksTest, RefusesWhatItCannotUnderstand) {
  ASSERT_TRUE(marks_->PurgeBelow(3).ok());
  state::v1::DeadLetterMarks file = Stored();
  file.set_purged_below(4);
  ASSERT_TRUE(ReplaceFile(path_, file.SerializeAsString()).ok());
  EXPECT_TRUE(absl::IsDataLoss(DeadLetterMarks::Open(path_, &journal_).status()));
  ASSERT_TRUE(ReplaceFile(path_, "").ok());
  EXPECT_TRUE(absl::IsDataLoss(DeadLetterMarks::Open(path_, &journal_).status()));
  file.set_format_version(2);
  ASSERT_TRUE(ReplaceFile(path_, file.SerializeAsString()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(DeadLetterMarks::Open(path_, &journal_).status()));
}

}  // namespace
}  // namespace sluice::ingress
