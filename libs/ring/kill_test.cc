// Kills real processes at either end of a ring, again and again, at random instants.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/clock/clock.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

constexpr int kRounds = 300;

// What the journal would hold: up to where the reader's records are durable.
struct Durable {
  uint64_t ring_id;
  uint64_t end;
  uint64_t next_number;
};

// Shared with the children; outlives them.
struct Ledger {
  // Numbers below it were reported as appended.
  std::atomic<uint64_t> reported;
  // The last number that a producer began to append; at first none.
  std::atomic<uint64_t> tried{UINT64_MAX};
  // Numbers whose sender got no answer: they may be in the ring and were sent again.
  std::atomic<int> resent;
  uint64_t resent_numbers[2 * kRounds];
  // Written in turns, so that a kill leaves the one before.
  Durable durable[2];
  std::atomic<uint64_t> durable_turn;
  std::atomic<int> failures;
  std::atomic<uint64_t> gaps;
  // Records that readers have seen.
  std::atomic<uint64_t> taken;

  const Durable& LastDurable() const { return durable[durable_turn % 2]; }
  void SetDurable(const Durable& next) {
    durable[(durable_turn + 1) % 2] = next;
    ++durable_turn;
  }
  bool WasResent(uint64_t number) const {
    return std::find(resent_numbers, resent_numbers + resent, number) != resent_numbers + resent;
  }
};

size_t SizeOf(uint64_t number) { return 8 + number * 2654435761u % 700; }

// The record of a number: the number, then bytes that follow from it.
void Fill(uint64_t number, char* content) {
  std::memcpy(content, &number, sizeof(number));
  std::memset(content + 8, static_cast<int>(number % 251), SizeOf(number) - 8);
}

[[noreturn]] void Fail(Ledger* ledger, const char* why) {
  ++ledger->failures;
  fprintf(stderr, "child: %s\n", why);
  _exit(1);
}

[[noreturn]] void Produce(const TempRing& ring, Ledger* ledger) {
  RingProducer producer;
  const RingError error = producer.Open(ring.Options());
  if (error != RingError::kNone) Fail(ledger, RingErrorText(error));
  // A number that was tried and not reported is sent again by its device, as one that may be there.
  char content[1024];
  for (uint64_t number = ledger->reported;; ++number) {
    if (ledger->tried == number) {
      ledger->resent_numbers[ledger->resent] = number;
      ++ledger->resent;
    }
    ledger->tried = number;
    Fill(number, content);
    const Piece piece = {content, SizeOf(number)};
    RingError appended;
    while ((appended = producer.Append(&piece, 1, 0)) == RingError::kFull) usleep(50);
    if (appended != RingError::kNone) Fail(ledger, RingErrorText(appended));
    ledger->reported = number + 1;
  }
}

// Takes one batch: checks it and lets it become durable.
void Take(RingReader* reader, RingBatch* batch, Ledger* ledger, size_t max_records) {
  reader->Read(max_records, batch);
  ledger->gaps += batch->gaps.size();
  for (const RingRecord& record : batch->records) {
    uint64_t number = UINT64_MAX;
    if (record.content.size() >= 8) std::memcpy(&number, record.content.data(), sizeof(number));
    char content[1024];
    if (number > ledger->tried) Fail(ledger, "a number that was never tried");
    Fill(number, content);
    if (record.content != absl::string_view(content, SizeOf(number))) Fail(ledger, "torn");
    const Durable& last = ledger->LastDurable();
    const bool again = number + 1 == last.next_number && ledger->WasResent(number);
    if (number != last.next_number && !again) {
      Fail(ledger, number < last.next_number ? "twice" : "lost");
    }
    // One that was sent again stands at a place of its own.
    if (record.ring_id == last.ring_id && record.position < last.end) {
      Fail(ledger, "one place twice");
    }
    ledger->SetDurable({record.ring_id, record.end, number + 1});
    ++ledger->taken;
  }
}

std::unique_ptr<RingReader> OpenReader(const TempRing& ring, Ledger* ledger, const Clock* clock) {
  RingReaderOptions options;
  options.path = ring.path();
  options.boot = 1;
  auto reader = RingReader::Open(options, clock);
  if (!reader.ok()) Fail(ledger, reader.status().ToString().c_str());
  if (!(*reader)->ResumeAfter(ledger->LastDurable().ring_id, ledger->LastDurable().end)) {
    Fail(ledger, "cannot resume");
  }
  return *std::move(reader);
}

[[noreturn]] void Drain(const TempRing& ring, Ledger* ledger, unsigned seed) {
  const SystemClock clock;
  std::mt19937 random(seed);
  auto reader = OpenReader(ring, ledger, &clock);
  RingBatch batch;
  while (true) {
    Take(reader.get(), &batch, ledger, 1 + random() % 64);
    if (batch.records.empty()) {
      // All is durable now; without this a full ring would stay full.
      const Durable& last = ledger->LastDurable();
      if (last.end > 0 && !reader->Advance(last.ring_id, last.end).ok()) {
        Fail(ledger, "cannot advance to the end");
      }
      reader->Wait(absl::Milliseconds(100));
      continue;
    }
    // Not always all: some is drained only later, or by the next reader.
    if (random() % 4 == 0) continue;
    const RingRecord& record = batch.records[random() % batch.records.size()];
    if (!reader->Advance(record.ring_id, record.end).ok()) Fail(ledger, "cannot advance");
  }
}

class Child {
 public:
  template <typename Body>
  explicit Child(Body body) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
  }
  // Whether it lived until then.
  bool Kill() {
    kill(pid_, SIGKILL);
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_;
};

class KillTest : public testing::Test {
 protected:
  KillTest() {
    void* const memory =
        mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ledger_ = new (memory) Ledger();
    RingProducer producer;
    EXPECT_EQ(producer.Open(ring_.Options()), RingError::kNone);
  }
  ~KillTest() override { munmap(ledger_, sizeof(Ledger)); }

  Child StartProducer() {
    return Child([this] { Produce(ring_, ledger_); });
  }
  Child StartReader() {
    const unsigned seed = random_();
    return Child([this, seed] { Drain(ring_, ledger_, seed); });
  }
  // Until a moment in their start, or in full flow.
  void LetRun() {
    if (random_() % 2 == 0) {
      usleep(random_() % 3000);
      return;
    }
    const uint64_t until = ledger_->taken + 1 + random_() % 300;
    for (int i = 0; i < 20'000 && ledger_->taken < until && ledger_->failures == 0; ++i) usleep(50);
    usleep(random_() % 100);
  }

  // Everything that was reported is there.
  void ExpectAllRead() {
    const SystemClock clock;
    auto reader = OpenReader(ring_, ledger_, &clock);
    RingBatch batch;
    do {
      Take(reader.get(), &batch, ledger_, 1000);
    } while (!batch.records.empty());
    EXPECT_GE(ledger_->LastDurable().next_number, ledger_->reported);
    EXPECT_EQ(ledger_->failures, 0);
    EXPECT_EQ(ledger_->gaps, 0u);
    RecordProperty("records", static_cast<int>(ledger_->reported));
    std::printf("%llu records, %llu laps, %llu sent again\n",
                static_cast<unsigned long long>(ledger_->reported),
                static_cast<unsigned long long>(ledger_->LastDurable().end / kMinCapacity),
                static_cast<unsigned long long>(ledger_->resent));
    EXPECT_GT(ledger_->reported, 1000u);
  }

  const unsigned seed_ = std::random_device()();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, absl::StrCat("seed ", seed_)};
  std::mt19937 random_{seed_};
  TempRing ring_;
  Ledger* ledger_;
};

TEST_F(KillTest, OfTheProducer) {
  Child reader = StartReader();
  for (int round = 0; round < kRounds && ledger_->failures == 0; ++round) {
    Child producer = StartProducer();
    LetRun();
    ASSERT_TRUE(producer.Kill());
  }
  ASSERT_TRUE(reader.Kill());
  ExpectAllRead();
}

TEST_F(KillTest, OfTheReader) {
  Child producer = StartProducer();
  for (int round = 0; round < kRounds && ledger_->failures == 0; ++round) {
    Child reader = StartReader();
    LetRun();
    ASSERT_TRUE(reader.Kill());
  }
  ASSERT_TRUE(producer.Kill());
  ExpectAllRead();
}

TEST_F(KillTest, OfBoth) {
  for (int round = 0; round < kRounds && ledger_->failures == 0; ++round) {
    Child producer = StartProducer();
    Child reader = StartReader();
    LetRun();
    const bool producer_first = random_() % 2 == 0;
    ASSERT_TRUE((producer_first ? producer : reader).Kill());
    ASSERT_TRUE((producer_first ? reader : producer).Kill());
  }
  ExpectAllRead();
}

}  // namespace
}  // namespace sluice::ring
