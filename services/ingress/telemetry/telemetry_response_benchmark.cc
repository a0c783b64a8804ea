// A log read into responses, for each record: what a stream costs beside gRPC.

#include <benchmark/benchmark.h>

#include <string>

#include "libs/clock/clock.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"
#include "services/ingress/telemetry/telemetry_response.h"

namespace sluice::ingress {
namespace {

constexpr int kRecords = 200'000;
constexpr int kBatchRecords = 1000;
constexpr int64_t kBatchBytes = 1 << 20;

std::string Record(int number) {
  v1::Telemetry telemetry;
  telemetry.set_device_id("sensor-" + std::to_string(number % 1000));
  telemetry.set_protocol(v1::PROTOCOL_MQTT);
  telemetry.mutable_received_time()->set_seconds(1'750'000'000);
  telemetry.mutable_received_time()->set_nanos(number + 1);
  for (const char* metric : {"temperature", "humidity"}) {
    auto* reading = telemetry.add_readings();
    reading->set_metric(metric);
    reading->set_double_value(number);
  }
  telemetry.mutable_sender()->set_client_id(telemetry.device_id());
  return telemetry.SerializeAsString();
}

void ReadAll(benchmark::State& state, const v1::TelemetryFilter& wanted) {
  const SystemClock clock;
  MemoryFileSystem files;
  JournalOptions options;
  options.dir = "/log";
  options.file_system = &files;
  const auto journal = Journal::Open(options, &clock).value();
  for (int i = 0; i < kRecords; ++i) {
    if (!journal->Append(Record(i)).ok()) state.SkipWithError("refused");
  }
  journal->WaitDurable(kRecords - 1, absl::InfiniteDuration());
  const TelemetryFilter filter = *TelemetryFilter::Create(wanted);
  TelemetryResponse response(&filter);
  for (auto _ : state) {
    const auto reader = journal->NewReader(0);
    while (reader->next_offset() < kRecords) {
      const auto batch = reader->Visit(kBatchRecords, kBatchBytes,
                                       [&](const RecordView& record) { response.Add(record); });
      if (!batch.ok()) state.SkipWithError("unreadable");
      benchmark::DoNotOptimize(response.Take({}));
    }
  }
  state.SetItemsProcessed(state.iterations() * kRecords);
}

void BM_WithoutFilter(benchmark::State& state) { ReadAll(state, {}); }
BENCHMARK(BM_WithoutFilter);

void BM_WithFilter(benchmark::State& state) {
  v1::TelemetryFilter filter;
  filter.add_metrics("humidity");
  ReadAll(state, filter);
}
BENCHMARK(BM_WithFilter);

}  // namespace
}  // namespace sluice::ingress

BENCHMARK_MAIN();
