#include "libs/page/page_token.h"

#include <xxhash.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"

namespace sluice {
namespace {

constexpr size_t kChecksumBytes = sizeof(uint64_t);

std::string Checksum(absl::string_view context, absl::string_view key) {
  const std::string text = absl::StrCat(context, absl::string_view("\0", 1), key);
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::string bytes(kChecksumBytes, '\0');
  std::memcpy(&bytes[0], &hash, kChecksumBytes);
  return bytes;
}

}  // namespace

std::string MakePageToken(absl::string_view context, absl::string_view last_key) {
  return absl::WebSafeBase64Escape(absl::StrCat(Checksum(context, last_key), last_key));
}

absl::StatusOr<std::string> ParsePageToken(absl::string_view context, absl::string_view token) {
  if (token.empty()) return std::string();
  std::string bytes;
  if (absl::WebSafeBase64Unescape(token, &bytes) && bytes.size() >= kChecksumBytes) {
    std::string key = bytes.substr(kChecksumBytes);
    if (bytes.compare(0, kChecksumBytes, Checksum(context, key)) == 0) return key;
  }
  return InvalidField("page_token", "is not a next_page_token of this method with the same filter");
}

absl::StatusOr<int> PageSize(int requested) {
  constexpr int kDefault = 100;
  constexpr int kLargest = 1000;
  if (requested < 0 || requested > kLargest) {
    return InvalidField("page_size", absl::StrCat("is ", requested, "; must be 0 to ", kLargest));
  }
  return requested == 0 ? kDefault : requested;
}

}  // namespace sluice
