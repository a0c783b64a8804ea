#ifndef SLUICE_TOOLS_FLEETSIM_PAYLOAD_H_
#define SLUICE_TOOLS_FLEETSIM_PAYLOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::fleetsim {

// The shapes in which a message can be written. With the metric `temperature`:
enum class PayloadShape {
  kJson,    // {"ts":1700000000000,"values":{"temperature":21.345000000042}}
  kFlat,    // {"temperature":21.345000000042}
  kNested,  // {"sensor":{"temperature":21.345000000042}}
  kValue,   // {"value":21.345000000042}
  kNumber,  // 21.345000000042
  kArray,   // [{"ts":1700000000000,"values":{"temperature":21.345000000042}}]
  kSenml,   // [{"n":"temperature","t":1700000000.000,"v":21.345000000042}]
};

// One of json, flat, nested, value, number, array, senml; INVALID_ARGUMENT lists them.
absl::StatusOr<PayloadShape> ParsePayloadShape(absl::string_view name);

struct PayloadOptions {
  PayloadShape shape = PayloadShape::kJson;
  // Letters, digits, `_`, `-` and `.`, 1 to 128 of them.
  std::string metric = "temperature";
  // Smaller payloads are padded to this size with a text reading `pad` (kNumber: with spaces).
  int64_t min_bytes = 0;
};

// INVALID_ARGUMENT: the metric has other characters.
absl::Status ValidatePayloadOptions(const PayloadOptions& options);

// Writes payloads. Thread-safe.
class Payload {
 public:
  explicit Payload(const PayloadOptions& options);

  // Appends one: the value with its tag, read at `time_ms` of the Unix epoch.
  void Append(int64_t thousandths, int64_t tag, int64_t time_ms, std::string* out) const;

  // The CoAP Content-Format: application/json or application/senml+json.
  int coap_content_format() const { return options_.shape == PayloadShape::kSenml ? 110 : 50; }

 private:
  void Pad(size_t begin, std::string* out) const;

  const PayloadOptions options_;
  // What stands before the time, between time and value, and behind the value.
  std::string head_;
  std::string middle_;
  std::string tail_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_PAYLOAD_H_
