// Both ends at work at once, in two threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "libs/clock/clock.h"
#include "libs/ring/ring_cursor.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

struct Content {
  uint64_t number;
  uint8_t rest[92 + 4];  // no padding
};

// Set when a test has failed, so that nobody waits for the other end.
std::atomic<bool> given_up{false};

void AppendNumber(RingProducer* producer, uint64_t number) {
  Content content;
  content.number = number;
  std::memset(content.rest, static_cast<int>(number % 251), sizeof(content.rest));
  const Piece piece = {&content, sizeof(content) - number % 50};
  RingError error;
  while ((error = producer->Append(&piece, 1, 0)) == RingError::kFull && !given_up) {
    std::this_thread::yield();
  }
  if (given_up) return;
  ASSERT_EQ(error, RingError::kNone);
}

void ExpectNumber(const RingRecord& record, uint64_t number) {
  ASSERT_EQ(record.content.size(), sizeof(Content) - number % 50);
  uint64_t read;
  std::memcpy(&read, record.content.data(), sizeof(read));
  ASSERT_EQ(read, number);
  for (size_t i = sizeof(read); i < record.content.size(); ++i) {
    ASSERT_EQ(static_cast<uint8_t>(record.content[i]), number % 251);
  }
}

// Through one mapping, so that a race detector sees that both ends touch the same bytes.
TEST(ThreadTest, TheCursorRacesWithNothing) {
  given_up = false;
  constexpr uint64_t kRecords = 200'000;
  TempRing ring;
  RingProducer producer;
  ASSERT_EQ(producer.Open(ring.Options()), RingError::kNone);
  RingCursor cursor(producer.Memory(), false);
  LeaseTable leases(producer.Memory().leases, producer.Memory().control,
                    producer.Memory().data.seed);
  std::thread appender([&] {
    Lease lease;
    for (uint64_t i = 0; i < kRecords; ++i) {
      AppendNumber(&producer, i);
      producer.leases().Find("device", 6, i, &lease);
      producer.AddToCounter(1, 1);
    }
  });
  std::vector<uint8_t> buffer(1 << 16);
  std::vector<RingGap> gaps;
  RingRecord record;
  for (uint64_t next = 0; next < kRecords && !testing::Test::HasFatalFailure();) {
    if (cursor.CopyNext(buffer.data(), buffer.size(), &record, &gaps) !=
        RingCursor::Outcome::kCopied) {
      std::this_thread::yield();
      continue;
    }
    ExpectNumber(record, next++);
    given_up = testing::Test::HasFatalFailure();
    if (next % 16 == 0 || next == kRecords) {
      ASSERT_TRUE(cursor.Advance(record.end));
    }
    leases.KeepAliveUntil(next + 100);
    leases.Set("device", 6, next, {next + 50, 1, 2});
  }
  appender.join();
  EXPECT_TRUE(gaps.empty());
}

class TwoEndsTest : public testing::Test {
 protected:
  TwoEndsTest() {
    given_up = false;
    EXPECT_EQ(producer_.Open(ring_.Options(1 << 20)), RingError::kNone);
    RingReaderOptions options;
    options.path = ring_.path();
    options.boot = 1;
    reader_ = *RingReader::Open(options, &clock_);
  }

  // Reads and drains so many records, waiting as ingress does. The longest batch-to-batch time.
  void Drain(uint64_t records) {
    RingBatch batch;
    for (uint64_t next = 0; next < records && !HasFatalFailure();) {
      reader_->Read(1000, &batch);
      for (const RingRecord& record : batch.records) ExpectNumber(record, next++);
      given_up = HasFatalFailure();
      if (!batch.records.empty()) {
        const RingRecord& last = batch.records.back();
        ASSERT_TRUE(reader_->Advance(last.ring_id, last.end).ok());
      }
      if (batch.records.size() < 1000) reader_->Wait(absl::Seconds(10));
    }
  }

  TempRing ring_;
  SystemClock clock_;
  RingProducer producer_;
  std::unique_ptr<RingReader> reader_;
};

TEST_F(TwoEndsTest, AsFastAsTheyCan) {
  constexpr uint64_t kRecords = 300'000;
  std::thread appender([&] {
    for (uint64_t i = 0; i < kRecords; ++i) AppendNumber(&producer_, i);
  });
  Drain(kRecords);
  appender.join();
  EXPECT_EQ(producer_.UsedBytes(), 0u);
  EXPECT_EQ(reader_->stats().gaps, 0u);
}

TEST_F(TwoEndsTest, NoWakeUpIsMissed) {
  // The reader sleeps before each record: were one wake-up in ten missed, it took 100 s.
  constexpr uint64_t kRecords = 10'000;
  std::atomic<uint64_t> read{0};
  std::thread appender([&] {
    for (uint64_t i = 0; i < kRecords; ++i) {
      AppendNumber(&producer_, i);
      while (read <= i && !given_up) std::this_thread::yield();
    }
  });
  RingReaderOptions options;
  options.path = ring_.path();
  options.boot = 1;
  options.nap = absl::ZeroDuration();
  reader_.reset();
  reader_ = *RingReader::Open(options, &clock_);
  const absl::Duration begin = clock_.Uptime();
  RingBatch batch;
  while (read < kRecords && !given_up) {
    given_up = clock_.Uptime() - begin > absl::Seconds(20);
    reader_->Read(10, &batch);
    if (batch.records.empty()) {
      reader_->Wait(absl::Seconds(10));
    } else {
      const RingRecord& last = batch.records.back();
      ASSERT_TRUE(reader_->Advance(last.ring_id, last.end).ok());
      read += batch.records.size();
    }
  }
  appender.join();
  EXPECT_FALSE(given_up);
}

TEST_F(TwoEndsTest, FewSystemCallsAtTwentyThousandRecordsASecond) {
  constexpr uint64_t kRecords = 20'000;
  std::thread appender([&] {
    // 20,000/s as a broker sees them: one by one.
    auto next = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < kRecords; ++i) {
      next += std::chrono::microseconds(50);
      while (std::chrono::steady_clock::now() < next) std::this_thread::yield();
      AppendNumber(&producer_, i);
    }
  });
  Drain(kRecords);
  appender.join();
  const uint64_t calls = reader_->stats().waits + producer_.stats().wakeups;
  std::printf("%.1f system calls for 1,000 records\n",
              1000.0 * static_cast<double>(calls) / kRecords);
  RecordProperty("calls", static_cast<int>(calls));
  EXPECT_LT(calls, 50 * kRecords / 1000);
}

}  // namespace
}  // namespace sluice::ring
