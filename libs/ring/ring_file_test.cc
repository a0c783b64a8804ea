// What becomes of the files: made, taken over, set aside, refused.

#include "libs/ring/ring_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

std::string Content(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

void Put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::trunc) << content;
}

// Changes bytes of a file in place.
void Patch(const std::string& path, uint64_t at, const std::string& bytes) {
  const int fd = open(path.c_str(), O_RDWR);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)),
            static_cast<ssize_t>(bytes.size()));
  close(fd);
}

// A ring with one record that nobody drained; gives its id.
uint64_t LeaveUndrained(const ProducerOptions& options, const std::string& text = "text") {
  RingProducer producer;
  EXPECT_EQ(producer.Open(options), RingError::kNone);
  EXPECT_EQ(AppendText(&producer, text), RingError::kNone);
  return producer.header().id;
}

TEST(RingFileTest, IsMadeWithAllItsSpace) {
  TempRing ring;
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options(1 << 20)), RingError::kNone);
  struct stat info;
  ASSERT_EQ(stat(ring.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_size, static_cast<off_t>(kDataStart + (1 << 20)));
  EXPECT_GE(info.st_blocks * 512, info.st_size) << "sparse";
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_NE(file.header().id, 0u);
  EXPECT_FALSE(ring.Exists(".new"));
}

TEST(RingFileTest, RefusesCapacitiesAndPathsOutOfRange) {
  TempRing ring;
  RingFile file;
  for (const uint64_t capacity :
       {uint64_t{0}, kMinCapacity - 4096, kMinCapacity + 8, kMaxCapacity + 4096, ~uint64_t{0}}) {
    EXPECT_EQ(file.Open(ring.Options(capacity)), RingError::kBadOptions) << capacity;
  }
  const std::string long_path(5000, 'x');
  ProducerOptions options;
  EXPECT_EQ(file.Open(options), RingError::kBadOptions);
  options.path = long_path.c_str();
  EXPECT_EQ(file.Open(options), RingError::kBadOptions);
  options.path = "/no/such/directory/ring";
  EXPECT_EQ(file.Open(options), RingError::kSystem);
  EXPECT_EQ(errno, ENOENT);
}

TEST(RingFileTest, ASecondProducerIsRefused) {
  TempRing ring;
  RingFile first, second;
  ASSERT_EQ(first.Open(ring.Options()), RingError::kNone);
  EXPECT_EQ(second.Open(ring.Options()), RingError::kBusy);
  // Also with another capacity, and when somebody tidied the lock away.
  EXPECT_EQ(second.Open(ring.Options(kMinCapacity * 2)), RingError::kBusy);
  ASSERT_EQ(unlink(ring.Beside(".lock").c_str()), 0);
  EXPECT_EQ(second.Open(ring.Options()), RingError::kBusy);
  EXPECT_EQ(second.Open(ring.Options(kMinCapacity * 2)), RingError::kBusy);
  EXPECT_TRUE(first.StandsAtPath());
  first.Close();
  EXPECT_EQ(second.Open(ring.Options()), RingError::kNone);
}

TEST(RingFileTest, IsTakenOverInTheSameBoot) {
  TempRing ring;
  const uint64_t id = LeaveUndrained(ring.Options());
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options()), RingError::kNone);
  EXPECT_EQ(file.header().id, id);
}

TEST(RingFileTest, AnUndrainedRingOfAnotherBootOrSizeIsSetAside) {
  TempRing ring;
  const uint64_t first = LeaveUndrained(ring.Options(kMinCapacity, 1), "first");
  const std::string content = Content(ring.path());
  const uint64_t second = LeaveUndrained(ring.Options(kMinCapacity, 2), "second");
  EXPECT_NE(first, second);
  EXPECT_EQ(Content(ring.Beside(".1")), content) << "not written";
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options(2 * kMinCapacity, 2)), RingError::kNone);
  EXPECT_TRUE(ring.Exists(".1"));
  EXPECT_TRUE(ring.Exists(".2"));
  EXPECT_EQ(file.header().sequence, 3u);
}

TEST(RingFileTest, ADrainedRingIsReplacedAndDeleted) {
  TempRing ring;
  LeaveUndrained(ring.Options(kMinCapacity, 1));
  LeaveUndrained(ring.Options(kMinCapacity, 2));
  // "text" takes 32 bytes.
  Patch(ring.Beside(".1"), kReaderStart, std::string("\x20\0\0\0\0\0\0\0", 8));
  Patch(ring.path(), kReaderStart, std::string("\x20\0\0\0\0\0\0\0", 8));
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options(kMinCapacity, 3)), RingError::kNone);
  EXPECT_FALSE(ring.Exists(".1"));
  EXPECT_FALSE(ring.Exists(".2"));
  EXPECT_EQ(file.header().sequence, 3u);
}

TEST(RingFileTest, TooManyUndrainedRingsAreAnError) {
  TempRing ring;
  uint64_t boot = 1;
  for (; boot <= kMaxSetAside + 1; ++boot) LeaveUndrained(ring.Options(kMinCapacity, boot));
  RingFile file;
  EXPECT_EQ(file.Open(ring.Options(kMinCapacity, boot)), RingError::kTooManyOld);
  EXPECT_TRUE(ring.Exists());
  EXPECT_FALSE(ring.Exists(".9"));
}

TEST(RingFileTest, ForeignFilesAndNewerRingsAreNeitherWrittenNorDeleted) {
  TempRing ring;
  uint8_t header[kHeaderBytes];
  EncodeHeader({1, 2, 3, kMinCapacity, 1}, header);
  header[8] = 2;  // version
  const uint64_t checksum = Hash(header, kHeaderBytes - 8, 0);
  memcpy(header + kHeaderBytes - 8, &checksum, 8);
  const std::string newer = std::string(reinterpret_cast<char*>(header), kHeaderBytes) + "more";
  const struct {
    std::string content;
    RingError error;
  } kCases[] = {{"", RingError::kForeign},
                {"somebody's notes", RingError::kForeign},
                {std::string(kDataStart + kMinCapacity, '\0'), RingError::kForeign},
                {newer, RingError::kNewer}};
  for (const auto& c : kCases) {
    Put(ring.path(), c.content);
    Put(ring.Beside(".5"), c.content);
    RingFile file;
    EXPECT_EQ(file.Open(ring.Options()), c.error);
    EXPECT_EQ(Content(ring.path()), c.content);
    EXPECT_EQ(Content(ring.Beside(".5")), c.content);
  }
}

TEST(RingFileTest, ADamagedRingIsKeptBeside) {
  TempRing ring;
  LeaveUndrained(ring.Options());
  Patch(ring.path(), 40, "x");
  const std::string content = Content(ring.path());
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options()), RingError::kNone);
  EXPECT_EQ(Content(ring.Beside(".damaged")), content);
}

TEST(RingFileTest, ATruncatedRingIsNotMapped) {
  TempRing ring;
  LeaveUndrained(ring.Options());
  ASSERT_EQ(truncate(ring.path().c_str(), kDataStart + 4096), 0);
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options()), RingError::kNone);
  EXPECT_TRUE(ring.Exists(".damaged"));
}

TEST(RingFileTest, WhatAKilledProducerLeftWhileMakingARingIsTidiedAway) {
  TempRing ring;
  Put(ring.Beside(".new"), "half of it");
  RingFile file;
  ASSERT_EQ(file.Open(ring.Options()), RingError::kNone);
  EXPECT_FALSE(ring.Exists(".new"));
}

// Runs `body` in a process of its own; its exit code.
template <typename Body>
int InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(RingFileTest, AFileSizeLimitIsAnErrorAndNoSignal) {
  TempRing ring;
  const int code = InChild([&] {
    const rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    RingFile file;
    return static_cast<int>(file.Open(ring.Options(4 << 20)));
  });
  EXPECT_EQ(code, static_cast<int>(RingError::kNoSpace));
  EXPECT_FALSE(ring.Exists());
  EXPECT_FALSE(ring.Exists(".new"));
}

// Mounts a file system of `size` for this process alone.
bool MountSmallDisk(const std::string& dir, const char* size) {
  const std::string uid = std::to_string(geteuid());
  const std::string gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  Put("/proc/self/setgroups", "deny");
  Put("/proc/self/uid_map", "0 " + uid + " 1");
  Put("/proc/self/gid_map", "0 " + gid + " 1");
  return mount("none", dir.c_str(), "tmpfs", 0, size) == 0;
}

TEST(RingFileTest, AFullDiskIsAnErrorAndTheOldRingStays) {
  TempRing ring;
  constexpr int kCannotMount = 100;
  const int code = InChild([&] {
    if (!MountSmallDisk(ring.dir(), "size=600k")) return kCannotMount;
    const uint64_t id = LeaveUndrained(ring.Options(256 << 10, 1));
    RingFile file;
    // Another boot, so a new ring beside the first: there is no room for both.
    if (file.Open(ring.Options(512 << 10, 2)) != RingError::kNoSpace) return 1;
    if (errno != ENOSPC) return 2;
    if (ring.Exists(".new") || ring.Exists(".1")) return 3;
    if (file.Open(ring.Options(256 << 10, 1)) != RingError::kNone) return 4;
    return file.header().id == id ? 0 : 5;
  });
  if (code == kCannotMount) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace sluice::ring
