#include "services/ingress/decoder/text.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::ingress {
namespace {

// Length of the character that `text` begins with; 0 if it is not valid UTF-8.
size_t CharacterLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;   // overlong
    if (first == 0xed && byte(1) >= 0xa0) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;   // overlong
    if (first == 0xf4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

size_t ValidUtf8Prefix(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = CharacterLength(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

size_t FindControlCharacter(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return i;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0) return i;
  }
  return absl::string_view::npos;
}

std::string ToUtf8(absl::string_view text, size_t max_bytes) {
  constexpr absl::string_view kReplacement = "\xef\xbf\xbd";
  std::string out;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const absl::string_view next = length == 0 ? kReplacement : text.substr(0, length);
    if (out.size() + next.size() > max_bytes) break;
    out.append(next.data(), next.size());
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string Quote(absl::string_view text) {
  constexpr size_t kMaxBytes = 64;
  const std::string shown = ToUtf8(text, kMaxBytes);
  const bool cut = text.size() > kMaxBytes;
  std::string quoted = "'";
  for (absl::string_view rest = shown; !rest.empty();) {
    const absl::string_view clean = rest.substr(0, FindControlCharacter(rest));
    rest.remove_prefix(clean.size());
    // Those above U+007F have two bytes, which Utf8SafeCEscape would leave as they are.
    const absl::string_view control = rest.substr(0, absl::StartsWith(rest, "\xC2") ? 2 : 1);
    absl::StrAppend(&quoted, absl::Utf8SafeCEscape(clean), absl::CEscape(control));
    rest.remove_prefix(control.size());
  }
  return absl::StrCat(quoted, cut ? "…" : "", "'");
}

}  // namespace sluice::ingress
