// What a sample costs, by window size: our figures must not grow with it, as those of the textbook
// do.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "services/analytics/detection/anomaly_detector.h"
#include "services/analytics/detection/sliding_window.h"

namespace sluice::analytics {
namespace {

std::vector<double> Noise() {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(20, 3);
  std::vector<double> values(1 << 14);
  for (double& value : values) value = normal(random);
  return values;
}

std::vector<double> Ramp() {
  std::vector<double> values(1 << 14);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i * 0.01;
  return values;
}

// Each sample 2^12 times smaller than the one before it: the most recomputations there can be.
std::vector<double> Collapse() {
  std::vector<double> values(1 << 14);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::ldexp(1.0, 1000 - 12 * (i % 160));
  return values;
}

void Add(benchmark::State& state, const std::vector<double>& values) {
  SlidingWindow window(state.range(0));
  size_t i = 0;
  for (auto _ : state) window.Add(values[i++ & (values.size() - 1)]);
  benchmark::DoNotOptimize(window.mean());
  state.SetItemsProcessed(state.iterations());
}

void AddAndJudge(benchmark::State& state) {
  const std::vector<double> values = Noise();
  const AnomalyDetector detector(3.0, 30);
  SlidingWindow window(state.range(0));
  size_t i = 0;
  for (auto _ : state) {
    const double value = values[i++ & (values.size() - 1)];
    benchmark::DoNotOptimize(detector.Judge(value, window.statistics()));
    window.Add(value);
  }
  state.SetItemsProcessed(state.iterations());
}

// Every sample together with the statistics of the window before it, as the analyzer wants them.
void Statistics(benchmark::State& state) {
  const std::vector<double> values = Noise();
  SlidingWindow window(state.range(0));
  for (int i = 0; i < window.capacity(); ++i) window.Add(values[i & (values.size() - 1)]);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(window.statistics());
    window.Add(values[i++ & (values.size() - 1)]);
  }
  state.SetItemsProcessed(state.iterations());
}

WindowStatistics FromDefinition(const std::vector<double>& samples) {
  double sum = 0;
  double least = samples[0];
  double most = samples[0];
  for (const double value : samples) {
    sum += value;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  const auto count = static_cast<double>(samples.size());
  const double mean = sum / count;
  double squares = 0;
  for (const double value : samples) squares += (value - mean) * (value - mean);
  return {static_cast<int>(samples.size()), mean, std::sqrt(squares / (count - 1)), least, most};
}

// The same by their definitions, over all N samples every time.
void Textbook(benchmark::State& state) {
  const std::vector<double> values = Noise();
  std::vector<double> ring(static_cast<size_t>(state.range(0)));
  for (size_t i = 0; i < ring.size(); ++i) ring[i] = values[i & (values.size() - 1)];
  size_t i = 0;
  size_t oldest = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(FromDefinition(ring));
    ring[oldest] = values[i++ & (values.size() - 1)];
    if (++oldest == ring.size()) oldest = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// The least that a window must do: read the sample that goes, write the one that comes, in a ring
// that lies in memory and in no cache. In pieces, so that nothing but memory limits it.
void Memory(benchmark::State& state) {
  constexpr size_t kPiece = 1 << 12;
  std::vector<double> ring(size_t{16} << 20, 1.0);
  size_t at = 0;
  double sum = 0;
  for (auto _ : state) {
    for (size_t i = at; i < at + kPiece; ++i) {
      sum += ring[i];
      ring[i] = static_cast<double>(i);
    }
    benchmark::ClobberMemory();
    at = (at + kPiece) % ring.size();
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPiece));
}

BENCHMARK(Statistics)->RangeMultiplier(10)->Range(10, 100'000);
BENCHMARK(Textbook)->RangeMultiplier(10)->Range(10, 100'000);
BENCHMARK(Memory);
BENCHMARK_CAPTURE(Add, noise, Noise())->RangeMultiplier(10)->Range(10, 100'000);
BENCHMARK_CAPTURE(Add, ramp, Ramp())->RangeMultiplier(10)->Range(10, 100'000);
BENCHMARK_CAPTURE(Add, constant, std::vector<double>(1 << 14, 4.2))
    ->RangeMultiplier(10)
    ->Range(10, 100'000);
BENCHMARK_CAPTURE(Add, collapse, Collapse())->RangeMultiplier(10)->Range(10, 100'000);
BENCHMARK(AddAndJudge)->RangeMultiplier(10)->Range(10, 100'000);

}  // namespace
}  // namespace sluice::analytics

BENCHMARK_MAIN();
