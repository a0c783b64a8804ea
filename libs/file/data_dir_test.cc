#include "libs/file/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

std::string Path(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

TEST(DataDirTest, MakesParentsAndIsUsedByOneAtATime) {
  const std::string path = Path("a/b/c");
  auto first = DataDir::Open(path);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->path(), path);
  const auto second = DataDir::Open(path);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr(absl::StrCat("in use by the process with pid ", getpid())));
  first->reset();
  EXPECT_TRUE(DataDir::Open(path).ok());
}

TEST(DataDirTest, AKilledOwnerLeavesNoLock) {
  const std::string path = Path("killed");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto held = DataDir::Open(path);
    char byte = held.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  EXPECT_FALSE(DataDir::Open(path).ok());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataDir::Open(path).ok());
}

TEST(DataDirTest, SaysWhyADirectoryCannotBeUsed) {
  const absl::Status status = DataDir::Open("/proc/sluice").status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("data directory /proc/sluice"));
}

}  // namespace
}  // namespace sluice
