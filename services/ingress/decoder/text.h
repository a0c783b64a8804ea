#ifndef SLUICE_SERVICES_INGRESS_DECODER_TEXT_H_
#define SLUICE_SERVICES_INGRESS_DECODER_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::ingress {

// Whether every byte is one from ' ' to '~'. Faster than the functions below, for which such text
// has no fault.
bool IsPrintableAscii(absl::string_view text);

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
