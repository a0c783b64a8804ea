#include "libs/journal/unwritten.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "libs/file/memory_file_system.h"

namespace sluice::journal {
namespace {

constexpr char kPath[] = "/d/file";

class UnwrittenTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> FileOf(const std::string& content) {
    files_.SetContent(kPath, content);
    return files_.OpenForRead(kPath).value();
  }

  MemoryFileSystem files_;
};

TEST_F(UnwrittenTest, FindsTheFirstByteThatIsNotZero) {
  std::string content(200'000, '\0');
  content[10] = 'x';
  content[150'000] = 'x';
  const auto file = FileOf(content);
  EXPECT_EQ(FirstNonZero(file.get(), 0, 200'000).value(), 10);
  EXPECT_EQ(FirstNonZero(file.get(), 10, 200'000).value(), 10);
  EXPECT_EQ(FirstNonZero(file.get(), 11, 200'000).value(), 150'000);
  EXPECT_EQ(FirstNonZero(file.get(), 11, 150'000).value(), 150'000);
  EXPECT_EQ(FirstNonZero(file.get(), 150'001, 200'000).value(), 200'000);
  EXPECT_EQ(FirstNonZero(file.get(), 150'001, 300'000).value(), 300'000);
}

TEST_F(UnwrittenTest, ASectorOfZerosIsUnwritten) {
  const std::string written(512, 'x');
  const std::string empty(512, '\0');
  const auto file = FileOf(written + empty + written + written);
  EXPECT_TRUE(HasUnwrittenSector(file.get(), 0, 2048).value());
  EXPECT_TRUE(HasUnwrittenSector(file.get(), 512, 1024).value());
  EXPECT_TRUE(HasUnwrittenSector(file.get(), 1000, 2048).value());
  EXPECT_FALSE(HasUnwrittenSector(file.get(), 0, 1023).value());
  EXPECT_FALSE(HasUnwrittenSector(file.get(), 1024, 2048).value());
}

TEST_F(UnwrittenTest, SaysWhatCannotBeRead) {
  const auto file = FileOf(std::string(2048, '\0'));
  files_.FailReads(kPath, 0, 512);
  EXPECT_FALSE(FirstNonZero(file.get(), 0, 2048).ok());
  EXPECT_FALSE(HasUnwrittenSector(file.get(), 0, 2048).ok());
}

}  // namespace
}  // namespace sluice::journal
