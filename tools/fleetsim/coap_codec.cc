#include "tools/fleetsim/coap_codec.h"

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

constexpr int kUriPath = 11;
constexpr int kContentFormat = 12;
constexpr int kMaxAge = 14;
constexpr uint8_t kPayloadMarker = 0xff;
constexpr uint8_t kVersion = 1;

void AppendHeader(CoapType type, uint8_t code, uint16_t message_id, absl::string_view token,
                  std::string* out) {
  out->push_back(static_cast<char>((kVersion << 6) | (static_cast<int>(type) << 4) | token.size()));
  out->push_back(static_cast<char>(code));
  out->push_back(static_cast<char>(message_id >> 8));
  out->push_back(static_cast<char>(message_id & 0xff));
  out->append(token.data(), token.size());
}

// Options of RFC 7252, 3.1, for deltas and lengths below 269.
void AppendOption(int delta, absl::string_view value, std::string* out) {
  const int length = static_cast<int>(value.size());
  out->push_back(static_cast<char>(((delta < 13 ? delta : 13) << 4) | (length < 13 ? length : 13)));
  if (delta >= 13) out->push_back(static_cast<char>(delta - 13));
  if (length >= 13) out->push_back(static_cast<char>(length - 13));
  out->append(value.data(), value.size());
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed CoAP: ", what));
}

// Resolves the nibbles 13 and 14, whose numbers stand in the bytes that follow.
bool TakeExtended(uint32_t nibble, absl::string_view* rest, uint32_t* value) {
  const size_t bytes = nibble == 13 ? 1 : nibble == 14 ? 2 : 0;
  if (nibble == 15 || rest->size() < bytes) return false;
  *value = nibble;
  if (bytes == 1) *value = 13u + static_cast<uint8_t>((*rest)[0]);
  if (bytes == 2) {
    *value = 269u + (static_cast<uint32_t>(static_cast<uint8_t>((*rest)[0])) << 8) +
             static_cast<uint8_t>((*rest)[1]);
  }
  rest->remove_prefix(bytes);
  return true;
}

absl::Status ParseOptions(absl::string_view rest, CoapMessage* message) {
  uint32_t number = 0;
  while (!rest.empty()) {
    const uint8_t first = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    if (first == kPayloadMarker) {
      if (rest.empty()) return Malformed("payload marker without payload");
      message->payload = rest;
      return absl::OkStatus();
    }
    uint32_t delta, length;
    if (!TakeExtended(first >> 4, &rest, &delta) || !TakeExtended(first & 15, &rest, &length) ||
        rest.size() < length) {
      return Malformed("option");
    }
    number += delta;
    if (number == kMaxAge && length <= 4) {
      uint32_t seconds = 0;
      for (size_t i = 0; i < length; ++i) seconds = seconds << 8 | static_cast<uint8_t>(rest[i]);
      message->max_age_s = seconds;
    }
    rest.remove_prefix(length);
  }
  return absl::OkStatus();
}

}  // namespace

void AppendPost(const CoapPost& post, std::string* out) {
  AppendHeader(post.type, kCoapPost, post.message_id, post.token, out);
  int last = 0;
  for (const absl::string_view segment : post.path) {
    AppendOption(kUriPath - last, segment, out);
    last = kUriPath;
  }
  std::string format;
  if (post.content_format > 255) format.push_back(static_cast<char>(post.content_format >> 8));
  if (post.content_format > 0) format.push_back(static_cast<char>(post.content_format & 0xff));
  AppendOption(kContentFormat - last, format, out);
  if (post.payload.empty()) return;
  out->push_back(static_cast<char>(kPayloadMarker));
  out->append(post.payload.data(), post.payload.size());
}

void AppendEmpty(CoapType type, uint16_t message_id, std::string* out) {
  AppendHeader(type, kCoapEmpty, message_id, "", out);
}

absl::StatusOr<CoapMessage> ParseCoap(absl::string_view datagram) {
  if (datagram.size() < 4) return Malformed("shorter than its header");
  const uint8_t first = static_cast<uint8_t>(datagram[0]);
  if (first >> 6 != kVersion) return Malformed("version");
  const size_t token_bytes = first & 15;
  if (token_bytes > 8) return Malformed("token longer than 8 bytes");
  CoapMessage message{};
  message.type = static_cast<CoapType>((first >> 4) & 3);
  message.code = static_cast<uint8_t>(datagram[1]);
  message.message_id = static_cast<uint16_t>((static_cast<uint8_t>(datagram[2]) << 8) |
                                             static_cast<uint8_t>(datagram[3]));
  absl::string_view rest = datagram.substr(4);
  if (message.code == kCoapEmpty && (token_bytes > 0 || !rest.empty())) {
    return Malformed("empty message with content");
  }
  if (rest.size() < token_bytes) return Malformed("token cut off");
  message.token = rest.substr(0, token_bytes);
  rest.remove_prefix(token_bytes);
  if (absl::Status status = ParseOptions(rest, &message); !status.ok()) return status;
  return message;
}

std::string CoapCodeName(uint8_t code) {
  return absl::StrCat(code >> 5, ".", absl::Dec(code & 31, absl::kZeroPad2));
}

}  // namespace sluice::fleetsim
