// Kills a real process that writes a journal, again and again.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"

namespace sluice {
namespace {

constexpr int kWriters = 3;

// What the child tells through the pipe, in one write() each.
struct Report {
  int64_t offset = 0;
  int64_t number = 0;  // of the record; -1: everything below `offset` is durable
};

JournalOptions OptionsFor(const std::string& dir) {
  JournalOptions options;
  options.dir = dir;
  options.segment_bytes = 64 << 10;
  return options;
}

std::string Payload(int64_t number) {
  return absl::StrCat(number, std::string(static_cast<size_t>(number % 300), 'x'));
}

// Appends until it is killed.
[[noreturn]] void WriteForEver(const std::string& dir, int64_t first_number, int pipe) {
  const SystemClock clock;
  auto journal = Journal::Open(OptionsFor(dir), &clock);
  if (!journal.ok()) _exit(1);
  const auto tell = [pipe](Report report) {
    if (write(pipe, &report, sizeof(report)) != sizeof(report)) _exit(1);
  };
  (*journal)->AddDurableListener([&](int64_t durable) { tell({durable, -1}); });
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int64_t number = first_number + w;; number += kWriters) {
        const auto offset = (*journal)->Append(Payload(number));
        if (!offset.ok()) _exit(1);
        tell({*offset, number});
        // Not too far ahead of the disk.
        (*journal)->WaitDurable(*offset - 500, absl::InfiniteDuration());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  _exit(1);
}

TEST(KillTest, WhatWasAppendedIsThereAfterTheProcessIsKilled) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/killXXXXXX";
  const std::string dir = mkdtemp(pattern.data());
  std::map<int64_t, int64_t> appended;  // number by offset
  int64_t durable = 0;
  int64_t next_number = 0;
  for (int life = 0; life < 12; ++life) {
    std::array<int, 2> ends;
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      WriteForEver(dir, next_number, ends[1]);
    }
    close(ends[1]);
    // In the first moments of its life, or some syncs later.
    const bool by_appends = life % 2 == 0;
    const unsigned kill_after = 1 + random() % (by_appends ? 500 : 5);
    unsigned reports = 0;
    Report report;
    // Reads on after the kill, up to what the child told last.
    while (read(ends[0], &report, sizeof(report)) == sizeof(report)) {
      if ((by_appends || report.number < 0) && ++reports == kill_after) kill(child, SIGKILL);
      if (report.number < 0) {
        durable = report.offset;
        continue;
      }
      EXPECT_TRUE(appended.emplace(report.offset, report.number).second) << "used twice";
      next_number = std::max(next_number, report.number + kWriters);
    }
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    ASSERT_GE(reports, kill_after);

    const SystemClock clock;
    auto journal = Journal::Open(OptionsFor(dir), &clock).value();
    EXPECT_GE(journal->durable_offset(), durable);
    auto reader = journal->NewReader(0);
    auto expected = appended.begin();
    while (reader->next_offset() < journal->durable_offset()) {
      const auto batch = reader->Read(1000, 1 << 20);
      ASSERT_TRUE(batch.ok()) << batch.status();
      ASSERT_TRUE(batch->gaps.empty());
      for (const JournalRecord& record : batch->records) {
        // A record may be there that the child could not tell of any more.
        if (expected == appended.end() || record.offset != expected->first) continue;
        ASSERT_EQ(record.bytes, Payload(expected->second));
        ++expected;
      }
    }
    ASSERT_TRUE(expected == appended.end()) << "lost " << expected->first;
    EXPECT_EQ(journal->stats().corrupt_records, 0);
  }
  EXPECT_GT(durable, 0);
}

}  // namespace
}  // namespace sluice
