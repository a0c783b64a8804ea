#ifndef SLUICE_LIBS_JOURNAL_LOG_FIXTURE_H_
#define SLUICE_LIBS_JOURNAL_LOG_FIXTURE_H_

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"
#include "libs/journal/little_endian.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {

// Damages logs and opens them again. Twenty records fill a segment; record N holds "record N".
class LogFixture : public ::testing::Test {
 protected:
  LogFixture() {
    options_.dir = "/d";
    options_.file_system = &files_;
    options_.segment_bytes = kSegmentHeaderBytes + 20 * kFrame;
  }

  static constexpr int64_t kFrame = kRecordHeaderBytes + 12;

  static std::string Payload(int64_t offset) {
    return absl::StrCat("record ", absl::Dec(offset, absl::kZeroPad5));
  }

  void Open() {
    journal_.reset();
    auto opened = Journal::Open(options_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
  }

  // Appends records up to `end` and waits for them.
  void FillTo(int64_t end) {
    while (journal_->end_offset() < end) {
      ASSERT_TRUE(journal_->Append(Payload(journal_->end_offset())).ok());
    }
    ASSERT_TRUE(journal_->WaitDurable(end - 1, absl::InfiniteDuration()));
  }

  // A log of `end` records that was closed in order.
  void MakeLog(int64_t end) {
    Open();
    FillTo(end);
    id_ = journal_->id();
    journal_.reset();
  }

  static std::string PathOf(int64_t first_offset) { return "/d/" + SegmentName(first_offset); }

  // Where a record of the segment begins.
  static size_t Position(int64_t index) { return kSegmentHeaderBytes + index * kFrame; }

  void FlipBit(const std::string& path, size_t position) {
    std::string content = files_.Content(path);
    content.at(position) ^= 4;
    files_.SetContent(path, content);
  }

  void Cut(const std::string& path, size_t size) {
    files_.SetContent(path, files_.Content(path).substr(0, size));
  }

  // Reads everything and checks that each record is what it was and that records and gaps together
  // are dense. Returns the gaps.
  std::vector<Gap> ReadAll() {
    auto reader = journal_->NewReader(0);
    std::vector<Gap> gaps;
    missing_ = 0;
    int64_t covered = 0;
    while (reader->next_offset() < journal_->durable_offset()) {
      const JournalBatch batch = reader->Read(7, 1 << 20).value();
      for (const JournalRecord& record : batch.records) {
        EXPECT_EQ(record.bytes, Payload(record.offset));
        ++covered;
      }
      for (const Gap& gap : batch.gaps) {
        missing_ += gap.to - gap.from;
        covered += gap.to - gap.from;
        gaps.push_back(gap);
      }
      EXPECT_EQ(covered, batch.next_offset);
    }
    EXPECT_EQ(reader->next_offset(), journal_->durable_offset());
    return gaps;
  }

  // Reads everything and expects one hole, and that it is counted.
  void ExpectHole(int64_t from, int64_t to) {
    const auto gaps = ReadAll();
    ASSERT_EQ(gaps.size(), 1u);
    EXPECT_EQ(gaps[0].from, from);
    EXPECT_EQ(gaps[0].to, to);
    EXPECT_EQ(gaps[0].reason, GapReason::kCorruption);
    EXPECT_EQ(journal_->stats().corrupt_records, to - from);
  }

  // With the checksum that belongs to the header's other bytes.
  static std::string WithChecksum(std::string header) {
    const uint64_t checksum = XXH3_64bits(header.data(), header.size() - sizeof(uint64_t));
    PutNumber<uint64_t>(checksum, &header[header.size() - sizeof(uint64_t)]);
    return header;
  }

  MemoryFileSystem files_;
  FakeClock clock_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  std::string id_;
  int64_t missing_ = 0;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_LOG_FIXTURE_H_
