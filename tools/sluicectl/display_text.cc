#include "tools/sluicectl/display_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::sluicectl {
namespace {

constexpr uint32_t kInvalid = 0xffffffff;

struct Decoded {
  uint32_t code_point;  // kInvalid: the byte is not part of valid UTF-8
  size_t bytes;
};

// Decodes the first character of a text that is not empty.
Decoded DecodeFirst(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  size_t length = 0;
  uint32_t code_point = 0;
  uint32_t smallest = 0;
  if ((lead & 0xe0) == 0xc0) {
    length = 2, code_point = lead & 0x1f, smallest = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3, code_point = lead & 0x0f, smallest = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    length = 4, code_point = lead & 0x07, smallest = 0x10000;
  } else {
    return {kInvalid, 1};
  }
  if (text.size() < length) return {kInvalid, 1};
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {kInvalid, 1};
    code_point = (code_point << 6) | (byte(i) & 0x3f);
  }
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < smallest || code_point > 0x10ffff || surrogate) return {kInvalid, 1};
  return {code_point, length};
}

struct Range {
  uint32_t first;
  uint32_t last;
};

template <size_t N>
bool IsIn(uint32_t code_point, const Range (&ranges)[N]) {
  return std::any_of(std::begin(ranges), std::end(ranges), [&](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

// What a terminal could act on, or what could make a text look like another one.
constexpr Range kUnsafe[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},
                             {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
                             {0xfeff, 0xfeff}, {0xfff9, 0xfffb}};

// Characters of two columns, by their blocks: CJK, Hangul, full-width forms, emoji.
constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
                           {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
                           {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                           {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                           {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

// Characters of no column: they combine with the one before.
constexpr Range kCombining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                                {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff},
                                {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};

int WidthOf(uint32_t code_point) {
  if (code_point < 0x300) return 1;
  if (IsIn(code_point, kCombining)) return 0;
  return IsIn(code_point, kWide) ? 2 : 1;
}

}  // namespace

std::string EscapeForDisplay(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded first = DecodeFirst(text);
    if (first.code_point == kInvalid) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(text[0]));
    } else if (first.code_point == '\n') {
      out += "\\n";
    } else if (first.code_point == '\r') {
      out += "\\r";
    } else if (first.code_point == '\t') {
      out += "\\t";
    } else if (IsIn(first.code_point, kUnsafe)) {
      absl::StrAppend(&out, first.code_point < 0x80 ? absl::StrFormat("\\x%02x", first.code_point)
                                                    : absl::StrFormat("\\u%04x", first.code_point));
    } else {
      out.append(text.data(), first.bytes);
    }
    text.remove_prefix(first.bytes);
  }
  return out;
}

int DisplayWidth(absl::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Decoded first = DecodeFirst(text);
    width += first.code_point == kInvalid ? 1 : WidthOf(first.code_point);
    text.remove_prefix(first.bytes);
  }
  return width;
}

std::string CutToWidth(absl::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width <= 0) return "";
  size_t kept = 0;
  int used = 0;
  while (kept < text.size()) {
    const Decoded first = DecodeFirst(text.substr(kept));
    const int columns = first.code_point == kInvalid ? 1 : WidthOf(first.code_point);
    if (used + columns > width - 1) break;
    used += columns;
    kept += first.bytes;
  }
  return std::string(text.substr(0, kept)) + "…";
}

}  // namespace sluice::sluicectl
