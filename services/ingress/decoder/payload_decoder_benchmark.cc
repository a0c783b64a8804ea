// How long a JSON payload takes to become the readings of a Telemetry, as intake has it done; and
// how long simdjson takes to parse and walk the same document and keep nothing.

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "services/ingress/decoder/payload_decoder.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::ingress {
namespace {

namespace dom = simdjson::dom;

void Decode(benchmark::State& state, const std::string& payload) {
  PayloadDecoder decoder;
  for (auto _ : state) {
    const auto telemetry = decoder.Decode("application/json", payload);
    if (!telemetry.ok()) {
      state.SkipWithError(std::string(telemetry.status().message()).c_str());
      break;
    }
    benchmark::DoNotOptimize(**telemetry);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(payload.size()));
}

// Looks at every key and value below `element`.
double Walk(const dom::element& element) {
  double sum = 0;
  switch (element.type()) {
    case dom::element_type::OBJECT:
      for (const auto& [key, value] : dom::object(element)) {
        sum += static_cast<double>(key.size()) + Walk(value);
      }
      return sum;
    case dom::element_type::ARRAY:
      for (const dom::element value : dom::array(element)) sum += Walk(value);
      return sum;
    case dom::element_type::INT64:
      return static_cast<double>(int64_t(element));
    case dom::element_type::UINT64:
      return static_cast<double>(uint64_t(element));
    case dom::element_type::DOUBLE:
      return double(element);
    case dom::element_type::BOOL:
      return bool(element) ? 1 : 0;
    case dom::element_type::STRING:
      return static_cast<double>(std::string_view(element).size());
    case dom::element_type::NULL_VALUE:
      return 0;
  }
  return 0;
}

// The payload has room behind it, as the parser wants, so it need not be copied. (For these
// documents simdjson's other interface, On-Demand, is slower as Debian builds it.)
void Simdjson(benchmark::State& state, const std::string& payload) {
  const simdjson::padded_string padded(payload);
  dom::parser parser;
  for (auto _ : state) {
    dom::element root;
    if (parser.parse(padded).get(root) != simdjson::SUCCESS) {
      state.SkipWithError("is not JSON");
      break;
    }
    benchmark::DoNotOptimize(Walk(root));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(payload.size()));
}

std::string Array(int elements) {
  std::string payload = "[";
  for (int i = 0; i < elements; ++i) {
    absl::StrAppend(&payload, i == 0 ? "" : ",", "{\"ts\":", 1'700'000'000'123 + i * 1000,
                    ",\"values\":{\"temperature\":", 20 + i * 0.125, ",\"humidity\":", 40 + i,
                    "}}");
  }
  return payload + "]";
}

std::string Wide(int members) {
  std::string payload = "{";
  for (int i = 0; i < members; ++i) {
    absl::StrAppend(&payload, i == 0 ? "" : ",", "\"metric_", i, "\":", i * 1.25);
  }
  return payload + "}";
}

void Register(const std::string& name, const std::string& payload) {
  benchmark::RegisterBenchmark(("Decode/" + name).c_str(), Decode, payload);
  benchmark::RegisterBenchmark(("Simdjson/" + name).c_str(), Simdjson, payload);
}

void RegisterAll() {
  Register("number", "21.5");
  Register("flat", R"({"temperature":21.5,"humidity":40})");
  // As fleetsim sends it.
  Register("timed", R"({"ts":1700000000123,"values":{"temperature":21.517}})");
  Register("nested", R"({"ts":1700000000123,"values":{"temperature":21.5,"humidity":40,)"
                     R"("door":{"open":true,"name":"north gate"}}})");
  Register("array", Array(10));
  Register("wide", Wide(1000));
  Register("long_text", absl::StrCat("{\"a\":\"", std::string(60000, 'x'), "\"}"));
}

}  // namespace
}  // namespace sluice::ingress

int main(int argc, char** argv) {
  sluice::ingress::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
