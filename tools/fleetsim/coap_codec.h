#ifndef SLUICE_TOOLS_FLEETSIM_COAP_CODEC_H_
#define SLUICE_TOOLS_FLEETSIM_COAP_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace sluice::fleetsim {

// The messages of CoAP (RFC 7252) that a device needs, written and read.

enum class CoapType : uint8_t { kConfirmable = 0, kNonConfirmable = 1, kAck = 2, kReset = 3 };

// Class in the upper three bits, detail below: 2.04 is 0x44.
inline constexpr uint8_t kCoapEmpty = 0x00;
inline constexpr uint8_t kCoapPost = 0x02;
inline constexpr uint8_t kCoapChanged = 0x44;

// A POST of a payload.
struct CoapPost {
  CoapType type = CoapType::kConfirmable;
  uint16_t message_id = 0;
  // At most 8 bytes.
  absl::string_view token;
  // The path without its slashes; each segment at most 255 bytes.
  absl::Span<const absl::string_view> path;
  // 0 to 65,535.
  int content_format = 0;
  absl::string_view payload;
};
void AppendPost(const CoapPost& post, std::string* out);

// An empty message: ACK or RST.
void AppendEmpty(CoapType type, uint16_t message_id, std::string* out);

// A message that came; views point into it.
struct CoapMessage {
  CoapType type;
  uint8_t code;
  uint16_t message_id;
  absl::string_view token;
  // The Max-Age option in seconds, if there is one.
  absl::optional<uint32_t> max_age_s;
  absl::string_view payload;
};

// INVALID_ARGUMENT: the datagram is not a CoAP message.
absl::StatusOr<CoapMessage> ParseCoap(absl::string_view datagram);

// The code as people write it: `4.04`.
std::string CoapCodeName(uint8_t code);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_COAP_CODEC_H_
