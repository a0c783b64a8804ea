#ifndef SLUICE_SERVICES_INGRESS_DECODER_PAYLOAD_DECODER_H_
#define SLUICE_SERVICES_INGRESS_DECODER_PAYLOAD_DECODER_H_

#include <google/protobuf/repeated_field.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
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

// Turns payloads into readings, as docs/payloads.md says. Keeps its buffers from one payload to the
// next; one thread at a time.
class PayloadDecoder {
 public:
  PayloadDecoder();
  ~PayloadDecoder();

  // Appends what the payload says to `readings`, at least one. On failure they may have grown.
  // INVALID_ARGUMENT: malformed; the message says what is wrong and where (byte, key).
  // OUT_OF_RANGE: larger than kMaxPayloadBytes. UNIMPLEMENTED: the content type is not supported.
  absl::Status Decode(absl::string_view content_type, absl::string_view payload,
                      google::protobuf::RepeatedPtrField<v1::Reading>* readings);

 private:
  class JsonReadings;
  std::unique_ptr<JsonReadings> json_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_PAYLOAD_DECODER_H_
