// The ring against a model of it: random appends, reads, restarts of either end and damage.

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

// What a record of this number contains.
std::string Content(uint64_t number, size_t size) {
  std::string content = absl::StrCat(number, ":");
  while (content.size() < size)
    content.push_back(static_cast<char>('a' + (number + content.size()) % 26));
  return content;
}

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    options_.path = ring_.path();
    options_.boot = 1;
    RestartProducer();
    RestartReader();
  }

  void Step() {
    const unsigned die = random_() % 1000;
    if (die < 500) {
      Append();
    } else if (die < 750) {
      Read();
    } else if (die < 990) {
      Advance();
    } else if (die < 995) {
      RestartProducer();
    } else {
      RestartReader();
    }
  }

  // Reads all that is left.
  void Finish() {
    for (int i = 0; i < 2000 && !unread_.empty(); ++i) Read();
    EXPECT_TRUE(unread_.empty());
    EXPECT_EQ(reader_->stats().gaps, 0u);
    EXPECT_EQ(reader_->stats().implausible_heads, 0u);
  }

  uint64_t laps() const { return producer_->head() / kMinCapacity; }
  uint64_t times_full() const { return times_full_; }

 private:
  void Append() {
    size_t size = random_() % 4 == 0 ? random_() % producer_->max_content_bytes() : random_() % 300;
    size = std::max<size_t>(size, 16);
    const std::string content = Content(number_, size);
    const size_t cut = random_() % content.size();
    const Piece pieces[] = {{content.data(), cut}, {content.data() + cut, content.size() - cut}};
    const RingError error = producer_->Append(pieces, 2, 0);
    if (error == RingError::kFull) {
      ++times_full_;
      // There must be a reason: a record may take its own size twice, at the end of a lap.
      EXPECT_GT(producer_->UsedBytes() + 2 * (size + 31), kMinCapacity);
      return;
    }
    ASSERT_EQ(error, RingError::kNone);
    unread_.push_back(content);
    ++number_;
  }

  void Read() {
    reader_->Read(1 + random_() % 10, &batch_);
    for (const RingRecord& record : batch_.records) {
      ASSERT_FALSE(unread_.empty()) << "read what was not appended";
      ASSERT_EQ(record.content, unread_.front());
      undrained_.push_back({record.end, unread_.front()});
      unread_.pop_front();
    }
    EXPECT_TRUE(unread_.empty() || !batch_.records.empty());
  }

  void Advance() {
    if (undrained_.empty()) return;
    const size_t count = 1 + random_() % undrained_.size();
    ASSERT_TRUE(reader_->Advance(reader_->current_ring_id(), undrained_[count - 1].end).ok());
    undrained_.erase(undrained_.begin(), undrained_.begin() + static_cast<ptrdiff_t>(count));
  }

  void RestartProducer() {
    const uint64_t head = producer_ != nullptr ? producer_->head() : 0;
    producer_ = std::make_unique<RingProducer>();
    ASSERT_EQ(producer_->Open(ring_.Options()), RingError::kNone);
    EXPECT_EQ(producer_->head(), head);
  }

  void RestartReader() {
    reader_.reset();
    auto reader = RingReader::Open(options_, &clock_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    reader_ = *std::move(reader);
    // What was not drained comes again, unless it is known to be durable up to somewhere.
    if (!undrained_.empty() && random_() % 2 == 0) {
      ASSERT_TRUE(reader_->ResumeAfter(reader_->current_ring_id(), undrained_.back().end));
      undrained_.clear();
    }
    while (!undrained_.empty()) {
      unread_.push_front(undrained_.back().content);
      undrained_.pop_back();
    }
  }

  struct Undrained {
    uint64_t end;
    std::string content;
  };

  TempRing ring_;
  FakeClock clock_;
  RingReaderOptions options_;
  std::mt19937 random_;
  std::unique_ptr<RingProducer> producer_;
  std::unique_ptr<RingReader> reader_;
  RingBatch batch_;
  uint64_t number_ = 0;
  uint64_t times_full_ = 0;
  std::deque<std::string> unread_;
  std::deque<Undrained> undrained_;
};

TEST(ModelTest, RandomSizesWrapsAndRestarts) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Model model(seed);
  for (int i = 0; i < 30'000 && !testing::Test::HasFailure(); ++i) model.Step();
  if (testing::Test::HasFailure()) return;
  model.Finish();
  EXPECT_GT(model.laps(), 50u);
  EXPECT_GT(model.times_full(), 10u);
}

// Bytes are destroyed at random, by lap after lap: whatever comes out was appended, and in order.
TEST(ModelTest, NothingButWhatWasAppendedEverComesOut) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  TempRing ring;
  FakeClock clock;
  RingReaderOptions options;
  options.path = ring.path();
  options.boot = 1;
  RingProducer producer;
  ASSERT_EQ(producer.Open(ring.Options()), RingError::kNone);
  auto reader = *RingReader::Open(options, &clock);
  RingBatch batch;
  uint64_t appended = 0, taken = 0, next = 0;
  for (int round = 0; round < 3000; ++round) {
    for (unsigned i = random() % 40; i > 0; --i) {
      const size_t size = 16 + appended * 7919 % 900;
      if (AppendText(&producer, Content(appended, size)) != RingError::kNone) break;
      ++appended;
    }
    auto* const data = const_cast<uint8_t*>(producer.Memory().data.bytes);
    switch (random() % 4) {
      case 0:  // a flipped bit
        data[random() % kMinCapacity] ^= static_cast<uint8_t>(1 << random() % 8);
        break;
      case 1:  // a page that never reached the disk
        std::memset(data + random() % 16 * 4096, 0, 4096);
        break;
      case 2: {  // a piece of another place
        const size_t from = random() % (kMinCapacity - 2048) & ~7u;
        const size_t to = random() % (kMinCapacity - 2048) & ~7u;
        std::memmove(data + to, data + from, 2048);
        break;
      }
      default:
        break;
    }
    if (random() % 20 == 0) {
      // Both ends start again, in either order.
      reader.reset();
      producer.Close();
      ASSERT_EQ(producer.Open(ring.Options()), RingError::kNone);
      auto opened = RingReader::Open(options, &clock);
      ASSERT_TRUE(opened.ok()) << opened.status();
      reader = *std::move(opened);
    }
    reader->Read(100, &batch);
    for (const RingRecord& record : batch.records) {
      const uint64_t number = std::stoull(std::string(record.content));
      ASSERT_LT(number, appended);
      ASSERT_GE(number, next) << "twice, or of an earlier lap";
      ASSERT_EQ(record.content, Content(number, 16 + number * 7919 % 900));
      next = number + 1;
      ++taken;
    }
    if (!batch.records.empty()) {
      const RingRecord& last = batch.records.back();
      ASSERT_TRUE(reader->Advance(last.ring_id, last.end).ok());
    }
  }
  EXPECT_GT(taken, appended / 4);
  EXPECT_GT(reader->stats().records, 0u);
}

}  // namespace
}  // namespace sluice::ring
