#ifndef SLUICE_SERVICES_INGRESS_DECODER_TEXT_H_
#define SLUICE_SERVICES_INGRESS_DECODER_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::ingress {

// IsPrintableAscii of as many bytes as a word has, all at once.
template <typename Word>
bool IsPrintableAsciiWord(const char* bytes) {
  constexpr Word kEveryByte = ~Word{0} / 0xff;
  Word word;
  std::memcpy(&word, bytes, sizeof(word));
  // A byte's highest bit is set by the subtraction below ' ', by the addition at 0x7f, and in the
  // word itself above. Nothing is carried from one byte into the next while all are printable.
  const Word odd = (word - ' ' * kEveryByte) | (word + kEveryByte) | word;
  return (odd & 0x80 * kEveryByte) == 0;
}

// Whether every byte is one from ' ' to '~'. Faster than the functions below, for which such text
// has no fault.
inline bool IsPrintableAscii(absl::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  if (text.size() < sizeof(uint32_t)) {
    return std::all_of(begin, end, [](char c) { return c >= ' ' && c <= '~'; });
  }
  // The last word may overlap the one before.
  if (text.size() < sizeof(uint64_t)) {
    return IsPrintableAsciiWord<uint32_t>(begin) && IsPrintableAsciiWord<uint32_t>(end - 4);
  }
  for (const char* at = begin; end - at > 8; at += 8) {
    if (!IsPrintableAsciiWord<uint64_t>(at)) return false;
  }
  return IsPrintableAsciiWord<uint64_t>(end - 8);
}

// Length of the longest prefix of `text` that is valid UTF-8: text.size() if all of it is.
size_t ValidUtf8Prefix(absl::string_view text);

// Position of the first control character (U+0000 to U+001F, U+007F to U+009F) in valid UTF-8;
// string_view::npos if there is none.
size_t FindControlCharacter(absl::string_view text);

// `text` as valid UTF-8 of at most `max_bytes`: every illegal byte becomes U+FFFD, what is too long
// is cut off between two characters.
std::string ToUtf8(absl::string_view text, size_t max_bytes);

// `text` for an error message: at most 64 bytes of it, illegal bytes and control characters
// escaped.
std::string Quote(absl::string_view text);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_TEXT_H_
