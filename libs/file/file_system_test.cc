#include "libs/file/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "libs/file/memory_file_system.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// What both kinds promise.
class FileSystemTest : public ::testing::TestWithParam<bool> {
 protected:
  FileSystemTest() : files_(GetParam() ? PosixFileSystem() : &memory_) {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/filesXXXXXX";
    directory_ = GetParam() ? mkdtemp(pattern.data()) : "/d";
  }

  MemoryFileSystem memory_;
  FileSystem* const files_;
  std::string directory_;
};

TEST_P(FileSystemTest, ReadsWhatWasWritten) {
  auto file = files_->OpenForWrite(directory_ + "/f").value();
  ASSERT_TRUE(file->Write(0, "hello world").ok());
  ASSERT_TRUE(file->Write(6, "there").ok());
  ASSERT_TRUE(file->Sync().ok());
  char buffer[64];
  EXPECT_EQ(file->Read(6, sizeof(buffer), buffer).value(), 5u);
  EXPECT_EQ(std::string(buffer, 5), "there");
  EXPECT_EQ(file->Read(100, 1, buffer).value(), 0u);
  ASSERT_TRUE(file->Truncate(5).ok());
  EXPECT_EQ(file->Size().value(), 5);
  ASSERT_EQ(file->Read(0, sizeof(buffer), buffer).value(), 5u);
  EXPECT_EQ(std::string(buffer, 5), "hello");
}

TEST_P(FileSystemTest, ListsRenamesAndRemoves) {
  ASSERT_TRUE(files_->OpenForWrite(directory_ + "/a").ok());
  ASSERT_TRUE(files_->OpenForWrite(directory_ + "/b").ok());
  EXPECT_THAT(files_->List(directory_).value(), UnorderedElementsAre("a", "b"));
  ASSERT_TRUE(files_->Rename(directory_ + "/a", directory_ + "/b").ok());
  EXPECT_THAT(files_->List(directory_).value(), UnorderedElementsAre("b"));
  ASSERT_TRUE(files_->Remove(directory_ + "/b").ok());
  EXPECT_EQ(files_->Remove(directory_ + "/b").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(files_->OpenForRead(directory_ + "/b").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(FileSystemTest, TellsAFileFromItsCopyWhateverItsName) {
  const std::string first = files_->OpenForWrite(directory_ + "/f").value()->Fingerprint();
  ASSERT_TRUE(files_->Rename(directory_ + "/f", directory_ + "/g").ok());
  EXPECT_EQ(files_->OpenForRead(directory_ + "/g").value()->Fingerprint(), first);
  const std::string second = files_->OpenForWrite(directory_ + "/f").value()->Fingerprint();
  // Some file systems do not tell.
  EXPECT_TRUE(first.empty() || second != first);
}

TEST_P(FileSystemTest, TellsWhatIsFree) {
  EXPECT_GT(files_->FreeBytes(directory_).value(), 0);
  if (GetParam()) {
    EXPECT_EQ(files_->FreeBytes(directory_ + "/no").status().code(), absl::StatusCode::kNotFound);
  }
}

TEST_P(FileSystemTest, ALockIsHeldOnce) {
  auto lock = files_->Lock(directory_);
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(files_->Lock(directory_).status().code(), absl::StatusCode::kFailedPrecondition);
  lock->reset();
  EXPECT_TRUE(files_->Lock(directory_).ok());
}

TEST_P(FileSystemTest, KnowsTheMachinesRun) {
  EXPECT_FALSE(files_->BootId().empty());
  EXPECT_EQ(files_->BootId(), files_->BootId());
}

INSTANTIATE_TEST_SUITE_P(Both, FileSystemTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Posix" : "Memory"; });

TEST(PosixFileSystemTest, NamesThePathInErrors) {
  const std::string root = getenv("TEST_TMPDIR");
  const absl::Status status = PosixFileSystem()->OpenForRead(root + "/missing").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(root + "/missing: No such file"));
  ASSERT_TRUE(PosixFileSystem()->OpenForWrite(root + "/file").ok());
  EXPECT_FALSE(PosixFileSystem()->CreateDirectory(root + "/file").ok());
  EXPECT_TRUE(PosixFileSystem()->CreateDirectory(root).ok());
  EXPECT_FALSE(PosixFileSystem()->CreateDirectory(root + "/no/parent").ok());
}

TEST(MemoryFileSystemTest, LosesWhatWasNotSynced) {
  MemoryFileSystem files;
  auto file = files.OpenForWrite("/d/f").value();
  ASSERT_TRUE(file->Write(0, "kept").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(files.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->Write(4, " lost").ok());
  ASSERT_TRUE(files.OpenForWrite("/d/g").ok());
  const std::string boot = files.BootId();
  files.LosePower(2);
  EXPECT_NE(files.BootId(), boot);
  EXPECT_EQ(files.Content("/d/f"), "kept l");
  EXPECT_FALSE(files.Exists("/d/g"));
}

TEST(MemoryFileSystemTest, AFailedSyncIsNotMadeGoodByTheNext) {
  MemoryFileSystem files;
  auto file = files.OpenForWrite("/d/f").value();
  ASSERT_TRUE(files.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->Write(0, "lost").ok());
  files.FailSyncs("/f", absl::UnavailableError("gone"));
  EXPECT_FALSE(file->Sync().ok());
  files.Heal();
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(files.Content("/d/f"), "lost");
  files.LosePower();
  EXPECT_EQ(files.Content("/d/f"), "");
}

TEST(MemoryFileSystemTest, FailsAsTold) {
  MemoryFileSystem files;
  auto file = files.OpenForWrite("/d/f").value();
  files.SetFreeBytes(3);
  EXPECT_EQ(file->Write(0, "hello").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(files.Content("/d/f"), "hel");
  files.Heal();
  files.FailSyncs("/f", absl::UnavailableError("gone"));
  EXPECT_FALSE(file->Sync().ok());
  files.FailReads("/f", 1, 2);
  char byte;
  EXPECT_TRUE(file->Read(0, 1, &byte).ok());
  EXPECT_FALSE(file->Read(1, 1, &byte).ok());
}

}  // namespace
}  // namespace sluice
