// What a sample costs with its series looked up, and what a checkpoint of a large table takes.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/analytics/series/analyzer.h"
#include "services/analytics/series/checkpoint.h"

namespace sluice::analytics {
namespace {

std::vector<v1::Telemetry> Messages(int devices) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(20, 3);
  std::vector<v1::Telemetry> messages(1 << 16);
  for (size_t i = 0; i < messages.size(); ++i) {
    messages[i].set_offset(static_cast<int64_t>(i));
    messages[i].set_device_id(absl::StrCat("sensor-", i % devices));
    v1::Reading* reading = messages[i].add_readings();
    reading->set_metric("temperature");
    reading->set_double_value(normal(random));
  }
  return messages;
}

// Arguments: series, window size.
void Analyze(benchmark::State& state) {
  const std::vector<v1::Telemetry> messages = Messages(state.range(0));
  Analyzer analyzer({state.range(0), static_cast<int>(state.range(1)), 3.0, 30});
  std::vector<v1::Insight> insights;
  size_t i = 0;
  for (auto _ : state) {
    analyzer.Analyze(messages[i++ & (messages.size() - 1)], "log", &insights);
    insights.clear();
  }
  state.SetItemsProcessed(state.iterations());
}

void Checkpoint(benchmark::State& state) {
  const std::vector<v1::Telemetry> messages = Messages(state.range(0));
  Analyzer analyzer({state.range(0), 100, 3.0, 30});
  std::vector<v1::Insight> insights;
  for (int i = 0; i < state.range(0) * 100; ++i) {
    analyzer.Analyze(messages[i % state.range(0)], "log", &insights);
    insights.clear();
  }
  std::string dir = "/tmp/analyzer_benchmark-XXXXXX";
  const std::string path = absl::StrCat(mkdtemp(&dir[0]), "/checkpoint");
  for (auto _ : state) {
    auto pending = PendingCheckpoint::Write(path, {"log", 1}, analyzer.table());
    state.counters["bytes"] = static_cast<double>((*pending)->size_bytes());
  }
  rmdir(dir.c_str());
}

BENCHMARK(Analyze)->Args({1000, 100})->Args({50'000, 100})->Args({1000, 10})->Args({1000, 10'000});
BENCHMARK(Checkpoint)->Arg(50'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::analytics

BENCHMARK_MAIN();
