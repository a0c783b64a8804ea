// Empties the plugin's ring and does nothing with what it reads. Usage: bare_drain RING COUNT_FILE.
// Runs until SIGTERM.

#include <cstdio>

#include "absl/time/time.h"
#include "bench/shared_count.h"
#include "libs/clock/clock.h"
#include "libs/ring/ring_reader.h"

namespace {

constexpr size_t kBatchRecords = 256;
constexpr absl::Duration kIdleWait = absl::Milliseconds(100);
// So that the plugin knows that somebody reads.
constexpr absl::Duration kAlive = absl::Seconds(2);
constexpr absl::Duration kKeepAliveInterval = absl::Milliseconds(250);

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bare_drain RING COUNT_FILE\n");
    return 2;
  }
  const sluice::SystemClock clock;
  sluice::ring::RingReaderOptions options;
  options.path = argv[1];
  const auto reader = sluice::ring::RingReader::Open(options, &clock);
  if (!reader.ok()) {
    std::fprintf(stderr, "%s\n", reader.status().ToString().c_str());
    return 1;
  }
  (*reader)->leases().Clear();
  sluice::bench::SharedCount count(argv[2]);
  sluice::ring::RingBatch batch;
  absl::Duration keep_alive_at;
  while (true) {
    if (const absl::Duration now = clock.Uptime(); now >= keep_alive_at) {
      (*reader)->leases().KeepAliveUntil(
          static_cast<uint64_t>(absl::ToInt64Milliseconds(now + kAlive)));
      keep_alive_at = now + kKeepAliveInterval;
    }
    (*reader)->Read(kBatchRecords, &batch);
    if (batch.records.empty()) {
      (*reader)->Wait(kIdleWait);
      continue;
    }
    const sluice::ring::RingRecord& last = batch.records.back();
    if (const absl::Status status = (*reader)->Advance(last.ring_id, last.end); !status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      return 1;
    }
    count.Add(batch.records.size());
  }
}
