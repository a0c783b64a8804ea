#include "libs/device_id/device_id.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"

namespace sluice {

absl::Status ValidateId(absl::string_view id, absl::string_view field) {
  if (id.empty()) return InvalidField(field, "must not be empty");
  if (id.size() > kMaxIdBytes) {
    return InvalidField(field, absl::StrCat("is ", id.size(), " bytes long; at most ", kMaxIdBytes,
                                            " are allowed"));
  }
  if (id == "." || id == "..") return InvalidField(field, "must be neither '.' nor '..'");
  for (size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' ||
        c == ':') {
      continue;
    }
    return InvalidField(
        field,
        absl::StrCat("byte ", i, " (0x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2),
                     ") is not one of A-Z a-z 0-9 . _ - :"));
  }
  return absl::OkStatus();
}

}  // namespace sluice
