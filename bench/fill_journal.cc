// Fills a log as intake would, only faster. Usage: fill_journal DIR RECORDS.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/time/time.h"
#include "bench/samples.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: fill_journal DIR RECORDS\n");
    return 2;
  }
  const sluice::SystemClock clock;
  sluice::JournalOptions options;
  options.dir = argv[1];
  const auto journal = sluice::Journal::Open(options, &clock);
  if (!journal.ok()) {
    std::fprintf(stderr, "%s\n", journal.status().ToString().c_str());
    return 1;
  }
  const int64_t records = std::atoll(argv[2]);
  for (int64_t i = 0; i < records; ++i) {
    const auto offset = (*journal)->Append(sluice::bench::SampleTelemetry(i).SerializeAsString());
    if (!offset.ok()) {
      std::fprintf(stderr, "%s\n", offset.status().ToString().c_str());
      return 1;
    }
  }
  (*journal)->WaitDurable(records - 1, absl::InfiniteDuration());
  return 0;
}
