// What a sample costs, by window size: the figures must not grow with it.
#include <benchmark/benchmark.h>

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
