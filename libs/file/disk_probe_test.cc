#include "libs/file/disk_probe.h"

#include <gtest/gtest.h>

#include "libs/file/memory_file_system.h"

namespace sluice {
namespace {

TEST(DiskProbeTest, LeavesNothingBehind) {
  MemoryFileSystem files;
  EXPECT_TRUE(ProbeDisk(&files, "/d").ok());
  EXPECT_FALSE(files.Exists("/d/probe"));
}

TEST(DiskProbeTest, TellsWhatIsWrongAndLeavesNothingBehind) {
  MemoryFileSystem files;
  files.SetFreeBytes(1000);
  EXPECT_EQ(ProbeDisk(&files, "/d").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(files.FreeBytes("/d").value(), 1000);
  files.Heal();
  files.FailWrites("", absl::UnavailableError("read-only"));
  EXPECT_EQ(ProbeDisk(&files, "/d").message(), "read-only");
  files.Heal();
  files.FailSyncs("/d", absl::UnavailableError("I/O error"));
  EXPECT_EQ(ProbeDisk(&files, "/d").message(), "I/O error");
  EXPECT_FALSE(files.Exists("/d/probe"));
  files.Heal();
  EXPECT_TRUE(ProbeDisk(&files, "/d").ok());
}

}  // namespace
}  // namespace sluice
