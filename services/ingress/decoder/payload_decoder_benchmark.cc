// How long a payload takes to become readings.

#include <benchmark/benchmark.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "services/ingress/decoder/payload_decoder.h"

namespace sluice::ingress {
namespace {

void Decode(benchmark::State& state, const std::string& payload) {
  PayloadDecoder decoder;
  google::protobuf::RepeatedPtrField<v1::Reading> readings;
  for (auto _ : state) {
    readings.Clear();
    const absl::Status status = decoder.Decode("application/json", payload, &readings);
    if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
    benchmark::DoNotOptimize(readings);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(payload.size()));
}

std::string Wide(int members) {
  std::string payload = "{";
  for (int i = 0; i < members; ++i) {
    absl::StrAppend(&payload, i == 0 ? "" : ",", "\"metric_", i, "\":", i * 1.25);
  }
  return payload + "}";
}

BENCHMARK_CAPTURE(Decode, number, std::string("21.5"));
BENCHMARK_CAPTURE(Decode, object, std::string(R"({"temperature":21.5,"humidity":40})"));
BENCHMARK_CAPTURE(Decode, time_and_values,
                  std::string(R"({"ts":1700000000123,"values":{"temperature":21.5,"humidity":40,)"
                              R"("door":{"open":true,"name":"north gate"}}})"));
BENCHMARK_CAPTURE(Decode, wide, Wide(1000));
BENCHMARK_CAPTURE(Decode, long_text, absl::StrCat("{\"a\":\"", std::string(60000, 'x'), "\"}"));

}  // namespace
}  // namespace sluice::ingress

BENCHMARK_MAIN();
