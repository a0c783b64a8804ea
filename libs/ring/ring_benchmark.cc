// Append and drain of 100-byte records in one thread: what the two ends cost together.

#include <benchmark/benchmark.h>
#include <time.h>

#include <memory>
#include <string>

#include "libs/clock/clock.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {
namespace {

constexpr int kBatch = 1000;
const std::string kRecord(100, 'x');

void AppendBatch(RingProducer* producer, benchmark::State* state) {
  const Piece piece = {kRecord.data(), kRecord.size()};
  for (int i = 0; i < kBatch; ++i) {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    const uint64_t now_ms =
        static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
    if (producer->Append(&piece, 1, now_ms) != RingError::kNone) state->SkipWithError("refused");
  }
}

void BM_Append(benchmark::State& state) {
  TempRing ring;
  RingProducer producer;
  producer.Open(ring.Options(static_cast<uint64_t>(state.range(0)) << 20));
  for (auto _ : state) {
    AppendBatch(&producer, &state);
    producer.Memory().reader->tail.store(producer.head(), std::memory_order_release);
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(BM_Append)->Arg(1)->Arg(32);

void BM_AppendAndDrain(benchmark::State& state) {
  TempRing ring;
  RingProducer producer;
  producer.Open(ring.Options(static_cast<uint64_t>(state.range(0)) << 20));
  const SystemClock clock;
  RingReaderOptions options;
  options.path = ring.path();
  options.boot = 1;
  const auto reader = *RingReader::Open(options, &clock);
  RingBatch batch;
  for (auto _ : state) {
    AppendBatch(&producer, &state);
    reader->Read(kBatch, &batch);
    if (batch.records.size() != kBatch) state.SkipWithError("not all read");
    const RingRecord& last = batch.records.back();
    if (!reader->Advance(last.ring_id, last.end).ok()) state.SkipWithError("not drained");
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(BM_AppendAndDrain)->Arg(1)->Arg(32);

// What a producer pays when it starts: the search for the end of the ring.
void BM_TakeOver(benchmark::State& state) {
  TempRing ring;
  const ProducerOptions options = ring.Options(32 << 20);
  RingProducer producer;
  producer.Open(options);
  while (AppendText(&producer, kRecord) == RingError::kNone) {
  }
  for (auto _ : state) {
    producer.Close();
    if (producer.Open(options) != RingError::kNone) state.SkipWithError("refused");
  }
}
BENCHMARK(BM_TakeOver)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::ring

BENCHMARK_MAIN();
