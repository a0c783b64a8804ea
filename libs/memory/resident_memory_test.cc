#include "libs/memory/resident_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sluice {
namespace {

// A line of /proc/self/status, in KiB.
int64_t Kib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() > 1 && words[0] == name && absl::SimpleAtoi(words[1], &kib)) return kib;
  }
  return -1;
}

TEST(ResidentMemoryTest, FilesThatWereOnlyReadAtTheStartAreNotHeld) {
  const int64_t before = Kib("RssFile");
  ReleaseStartupMemory();
  EXPECT_LT(Kib("RssFile"), before);
}

TEST(ResidentMemoryTest, FreeMemoryIsNotHeld) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer keeps what is freed";
#endif
  constexpr int kBlocks = 10'000;
  constexpr int kBlockBytes = 4000;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique<char[]>(kBlockBytes));
    blocks.back()[0] = 1;
  }
  // One that stays at the end keeps the heap from shrinking by itself.
  const int64_t full = Kib("RssAnon");
  blocks.erase(blocks.begin(), blocks.end() - 1);
  ReleaseStartupMemory();
  EXPECT_LT(Kib("RssAnon"), full - kBlocks * kBlockBytes / 2 / 1024);
}

// In the part of the program that is given back.
constexpr char kConstant[] = "is read from the file again";

TEST(ResidentMemoryTest, ConstantsAreAsBefore) {
  const std::string before = kConstant;
  for (int i = 0; i < 3; ++i) ReleaseStartupMemory();
  EXPECT_EQ(before, kConstant);
}

}  // namespace
}  // namespace sluice
