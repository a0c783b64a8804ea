#include "services/ingress/coap/answer_datagram.h"

namespace sluice::ingress {
namespace {

// Option numbers (RFC 7252, 5.10; RFC 7959, 6).
constexpr int kContentFormat = 12;
constexpr int kMaxAge = 14;
constexpr int kBlock2 = 23;
constexpr int kBlock1 = 27;
constexpr int kSize2 = 28;
constexpr int kSize1 = 60;

constexpr char kPayloadMarker = '\xff';
// A nibble with this value says that a byte follows with what the number is larger by.
constexpr int kOneByteMore = 13;

std::string Header(CoapType type, size_t token_bytes, uint8_t code, uint16_t message_id) {
  constexpr uint8_t kVersion = 1;
  const uint8_t first = kVersion << 6 | static_cast<uint8_t>(type) << 4 | token_bytes;
  return {static_cast<char>(first), static_cast<char>(code), static_cast<char>(message_id >> 8),
          static_cast<char>(message_id)};
}

// Appends options; their numbers must rise (RFC 7252, 3.1).
class OptionWriter {
 public:
  explicit OptionWriter(std::string* out) : out_(out) {}

  void Add(int number, absl::optional<uint32_t> value) {
    if (!value.has_value()) return;
    int size = 0;
    while (size < 4 && *value >> 8 * size != 0) ++size;
    const int delta = number - last_;
    last_ = number;
    if (delta < kOneByteMore) {
      *out_ += static_cast<char>(delta << 4 | size);
    } else {
      *out_ += static_cast<char>(kOneByteMore << 4 | size);
      *out_ += static_cast<char>(delta - kOneByteMore);
    }
    while (size > 0) *out_ += static_cast<char>(*value >> 8 * --size);
  }

  void Add(int number, const absl::optional<CoapBlock>& block) {
    if (!block.has_value()) return;
    Add(number, block->number << 4 | (block->more ? 8 : 0) | block->size_exponent);
  }

 private:
  std::string* const out_;
  int last_ = 0;
};

}  // namespace

std::string EncodeAnswer(CoapType type, uint16_t message_id, absl::string_view token,
                         const CoapAnswer& answer) {
  std::string datagram = Header(type, token.size(), static_cast<uint8_t>(answer.code), message_id);
  datagram.append(token.data(), token.size());
  OptionWriter options(&datagram);
  options.Add(kContentFormat, answer.content_format);
  options.Add(kMaxAge, answer.max_age_seconds);
  options.Add(kBlock2, answer.block2);
  options.Add(kBlock1, answer.block1);
  options.Add(kSize2, answer.size2);
  options.Add(kSize1, answer.size1);
  if (!answer.payload.empty()) {
    datagram += kPayloadMarker;
    datagram += answer.payload;
  }
  return datagram;
}

std::string EncodeEmptyAcknowledgement(uint16_t message_id) {
  return Header(CoapType::kAcknowledgement, /*token_bytes=*/0, /*code=*/0, message_id);
}

}  // namespace sluice::ingress
