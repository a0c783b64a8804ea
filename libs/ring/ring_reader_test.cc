#include "libs/ring/ring_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

class RingReaderTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<RingReader>> Open(uint64_t boot = 1) {
    RingReaderOptions options;
    options.path = ring_.path();
    options.boot = boot;
    return RingReader::Open(options, &clock_);
  }
  void Append(const std::string& text) {
    ASSERT_EQ(AppendText(&producer_, text), RingError::kNone);
  }
  // A producer that appends one text and is gone.
  void Leave(const std::string& text, uint64_t boot) {
    RingProducer producer;
    ASSERT_EQ(producer.Open(ring_.Options(kMinCapacity, boot)), RingError::kNone);
    ASSERT_EQ(AppendText(&producer, text), RingError::kNone);
  }
  // Everything that can be read now, joined with spaces.
  std::string ReadAll(RingReader* reader) {
    std::string all;
    do {
      reader->Read(100, &batch_);
      for (const RingRecord& record : batch_.records) {
        absl::StrAppend(&all, all.empty() ? "" : " ", record.content);
        last_ = record;
      }
    } while (!batch_.records.empty());
    return all;
  }
  // As ReadAll, for the time that a replaced ring takes.
  std::string ReadOn(RingReader* reader) {
    std::string all;
    for (int i = 0; i < 5; ++i) {
      absl::StrAppend(&all, ReadAll(reader));
      clock_.Advance(absl::Seconds(1));
    }
    return all;
  }

  TempRing ring_;
  FakeClock clock_;
  RingProducer producer_;
  RingBatch batch_;
  RingRecord last_;
};

TEST_F(RingReaderTest, NeedsARing) {
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(ring_.Exists(".reader.lock"));
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  producer_.Close();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(ring_.Exists());
  std::ofstream(ring_.path()) << "somebody's notes";
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RingReaderTest, ASecondReaderIsRefused) {
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  reader->reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(RingReaderTest, ReadsInBatchesAndAdvances) {
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  auto reader = *Open();
  for (int i = 0; i < 5; ++i) Append(absl::StrCat(i));
  reader->Read(2, &batch_);
  ASSERT_EQ(batch_.records.size(), 2u);
  EXPECT_EQ(batch_.records[0].content, "0");
  EXPECT_EQ(batch_.records[1].content, "1");
  EXPECT_EQ(batch_.records[1].end, 64u);
  EXPECT_EQ(reader->UsedBytes(), 160u);
  const uint64_t id = producer_.header().id;
  EXPECT_EQ(batch_.records[0].ring_id, id);
  EXPECT_EQ(reader->Advance(id, 96).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(reader->Advance(id + 1, 64).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(reader->Advance(id, 64).ok());
  EXPECT_EQ(producer_.UsedBytes(), 96u);
  EXPECT_EQ(ReadAll(reader.get()), "2 3 4");
  // Not advanced: read again by the next.
  reader.reset();
  reader = *Open();
  EXPECT_EQ(ReadAll(reader.get()), "2 3 4");
  reader.reset();
  reader = *Open();
  EXPECT_TRUE(reader->ResumeAfter(id, 128));
  EXPECT_TRUE(reader->ResumeAfter(id, 96)) << "less than the tail says";
  EXPECT_TRUE(reader->ResumeAfter(77, 8)) << "a ring long gone";
  EXPECT_FALSE(reader->ResumeAfter(id, 1 << 20));
  EXPECT_EQ(ReadAll(reader.get()), "4");
}

TEST_F(RingReaderTest, TakesTheLargestRecords) {
  ASSERT_EQ(producer_.Open(ring_.Options(8 << 20)), RingError::kNone);
  auto reader = *Open();
  const std::string largest(producer_.max_content_bytes(), 'x');
  for (int i = 0; i < 3; ++i) Append(absl::StrCat(i, largest).substr(0, largest.size()));
  for (int i = 0; i < 3; ++i) {
    reader->Read(100, &batch_);
    ASSERT_EQ(batch_.records.size(), 1u);
    EXPECT_EQ(batch_.records[0].content.size(), largest.size());
    EXPECT_EQ(batch_.records[0].content[0], '0' + i);
  }
}

TEST_F(RingReaderTest, ReadsRingsThatWereSetAsideFirst) {
  Leave("first", 1);
  Leave("second", 2);
  Leave("third", 3);
  auto reader = *Open(3);
  EXPECT_EQ(ReadAll(reader.get()), "first second third");
  EXPECT_TRUE(reader->Advance(last_.ring_id, last_.end).ok());
  EXPECT_EQ(reader->UsedBytes(), 0u);
  reader.reset();
  EXPECT_TRUE(ring_.Exists(".1")) << "a reader deletes nothing";
  ASSERT_EQ(producer_.Open(ring_.Options(kMinCapacity, 3)), RingError::kNone);
  EXPECT_FALSE(ring_.Exists(".1"));
  EXPECT_FALSE(ring_.Exists(".2"));
  EXPECT_EQ(ReadAll(Open(3)->get()), "");
}

TEST_F(RingReaderTest, ResumesInALaterRing) {
  Leave("first", 1);
  Leave("second", 2);
  uint64_t id;
  {
    auto reader = *Open(2);
    ASSERT_EQ(ReadAll(reader.get()), "first second");
    id = last_.ring_id;
  }
  auto reader = *Open(2);
  EXPECT_TRUE(reader->ResumeAfter(id, 32));
  EXPECT_EQ(ReadAll(reader.get()), "");
  reader.reset();
  ASSERT_EQ(producer_.Open(ring_.Options(kMinCapacity, 2)), RingError::kNone);
  EXPECT_FALSE(ring_.Exists(".1")) << "not known as drained";
}

TEST_F(RingReaderTest, ReadsARingOfTheBootBeforeWhileThereIsNoProducer) {
  Leave("before", 1);
  auto reader = *Open(2);
  EXPECT_EQ(ReadAll(reader.get()), "before");
  // The producer starts later. What was read is not durable yet, so the ring is set aside.
  ASSERT_EQ(producer_.Open(ring_.Options(kMinCapacity, 2)), RingError::kNone);
  Append("after");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReadOn(reader.get()), "after");
  EXPECT_TRUE(reader->Advance(last_.ring_id, last_.end).ok());
}

TEST_F(RingReaderTest, FollowsToARingInTheOldOnesPlace) {
  Leave("old", 1);
  auto reader = *Open();
  ASSERT_EQ(producer_.Open(ring_.Options(2 * kMinCapacity)), RingError::kNone);
  Append("new");
  EXPECT_EQ(ReadOn(reader.get()), "oldnew");
  EXPECT_EQ(reader->current_ring_id(), producer_.header().id);
  EXPECT_EQ(ReadOn(reader.get()), "");
  Append("newer");
  EXPECT_EQ(ReadAll(reader.get()), "newer");
  EXPECT_TRUE(reader->Advance(last_.ring_id, last_.end).ok());
  EXPECT_EQ(producer_.UsedBytes(), 0u);
}

TEST_F(RingReaderTest, ReadsWhatIsAppendedToADeletedRing) {
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  auto reader = *Open();
  Append("a");
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  // It looks only once a second.
  Append("b");
  EXPECT_EQ(ReadOn(reader.get()), "a b");
  ASSERT_EQ(unlink(ring_.Beside(".lock").c_str()), 0);
  RingProducer other;
  ASSERT_EQ(other.Open(ring_.Options()), RingError::kNone);
  EXPECT_EQ(ReadAll(reader.get()), "");
  clock_.Advance(absl::Seconds(1));
  Append("c");
  ASSERT_EQ(AppendText(&other, "d"), RingError::kNone);
  EXPECT_EQ(ReadOn(reader.get()), "cd");
}

TEST_F(RingReaderTest, LeavesRingsAloneThatItCannotRead) {
  Leave("mine", 1);
  std::ofstream(ring_.Beside(".7")) << "somebody's notes";
  std::ofstream(ring_.Beside(".x")) << "not a number";
  auto reader = *Open();
  EXPECT_EQ(ReadAll(reader.get()), "mine");
  EXPECT_EQ(reader->stats().unreadable_rings, 1u);
}

TEST_F(RingReaderTest, RefusesARingWhoseSizeIsNotWhatItSays) {
  Leave("text", 1);
  ASSERT_EQ(truncate(ring_.path().c_str(), kDataStart + kMinCapacity * 2), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
  ASSERT_EQ(truncate(ring_.path().c_str(), 100), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RingReaderTest, CountsGaps) {
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  for (int i = 0; i < 3; ++i) Append("text");
  const_cast<uint8_t*>(producer_.Memory().data.bytes)[40] ^= 1;
  auto reader = *Open();
  EXPECT_EQ(ReadAll(reader.get()), "text text");
  EXPECT_EQ(reader->stats().gaps, 1u);
  EXPECT_EQ(reader->stats().gap_bytes, 32u);
}

TEST_F(RingReaderTest, LeasesAndCountersReachTheOtherEnd) {
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  auto reader = *Open();
  producer_.AddToCounter(3, 5);
  EXPECT_EQ(reader->Counter(3), 5u);
  EXPECT_FALSE(producer_.leases().ReaderAlive(1000));
  reader->leases().KeepAliveUntil(2000);
  EXPECT_TRUE(reader->leases().Set("d1", 2, 1000, {5000, 4, 0}));
  EXPECT_TRUE(producer_.leases().ReaderAlive(1000));
  Lease lease;
  EXPECT_TRUE(producer_.leases().Find("d1", 2, 1000, &lease));
  EXPECT_EQ(lease.code, 4);
  EXPECT_FALSE(producer_.leases().Find("d1", 2, 2000, &lease)) << "the reader is dead";
}

TEST_F(RingReaderTest, AnInterruptEndsTheWait) {
  ASSERT_EQ(producer_.Open(ring_.Options()), RingError::kNone);
  auto reader = *Open();
  reader->Interrupt();
  reader->Wait(absl::InfiniteDuration());
  EXPECT_EQ(reader->stats().waits, 0u);
  std::thread other([&] { reader->Interrupt(); });
  reader->Wait(absl::InfiniteDuration());
  other.join();
}

}  // namespace
}  // namespace sluice::ring
