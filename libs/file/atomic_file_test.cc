#include "libs/file/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace sluice {
namespace {

std::string Path(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

TEST(AtomicFileTest, ReplacesTheWholeContentAndLeavesNothingBehind) {
  const std::string path = Path("state");
  ASSERT_TRUE(ReplaceFile(path, std::string(100'000, 'a')).ok());
  ASSERT_TRUE(ReplaceFile(path, std::string("b\0c", 3)).ok());
  EXPECT_EQ(ReadFile(path, 3).value(), std::string("b\0c", 3));
  EXPECT_NE(access((path + ".tmp").c_str(), F_OK), 0);
}

TEST(AtomicFileTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(ReadFile(Path("missing"), 10).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(ReplaceFile(Path("large"), "12345").ok());
  EXPECT_EQ(ReadFile(Path("large"), 4).status().code(), absl::StatusCode::kResourceExhausted);
  const absl::Status status = ReplaceFile(Path("no/such/directory"), "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("no/such/directory.tmp"));
}

}  // namespace
}  // namespace sluice
