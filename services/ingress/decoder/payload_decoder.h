#ifndef SLUICE_SERVICES_INGRESS_DECODER_PAYLOAD_DECODER_H_
#define SLUICE_SERVICES_INGRESS_DECODER_PAYLOAD_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::ingress {

inline constexpr int64_t kMaxPayloadBytes = 64 << 10;
inline constexpr int kMaxReadings = 1024;
inline constexpr size_t kMaxMetricBytes = 256;
// Objects and arrays inside each other.
inline constexpr int kMaxNesting = 32;

// How the bytes of a payload are to be read.
enum class PayloadFormat {
  kJson,         // no content type, or application/json
  kPlainText,    // text/plain
  kUnsupported,  // anything else
};

// Reads a media type; its parameters and the case of its letters do not matter.
PayloadFormat FormatOf(absl::string_view content_type);

// OK, or what is wrong with a metric's name: it must be 1 to 256 bytes of UTF-8 without control
// characters.
absl::Status ValidateMetric(absl::string_view metric);

// Turns payloads into readings, as docs/payloads.md says. Keeps its buffers, and the readings'
// memory, from one payload to the next; one thread at a time.
class PayloadDecoder {
 public:
  PayloadDecoder();
  ~PayloadDecoder();

  // What the payload says: at least one reading and no other field; those are the caller's to set.
  // It is the decoder's own, as it is until the next call; never null.
  // INVALID_ARGUMENT: malformed; the message says what is wrong and where (byte, key).
  // OUT_OF_RANGE: larger than kMaxPayloadBytes. UNIMPLEMENTED: the content type is not supported.
  absl::StatusOr<v1::Telemetry*> Decode(absl::string_view content_type, absl::string_view payload);

 private:
  class JsonReadings;
  const std::unique_ptr<JsonReadings> json_;
  v1::Telemetry telemetry_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_PAYLOAD_DECODER_H_
