#ifndef SLUICE_TOOLS_SLUICECTL_DISPLAY_TEXT_H_
#define SLUICE_TOOLS_SLUICECTL_DISPLAY_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::sluicectl {

// `text` made safe to write to a terminal, on one line: control characters (C0, DEL, C1), line and
// paragraph separators and characters that change the direction of writing become `\n`, `\t`, `\r`,
// `\x1b` or
// `\u202e`; each byte that is not part of valid UTF-8 becomes `\xNN`. Everything else stays as it
// is. Strings that devices made must pass through here before they are shown.
std::string EscapeForDisplay(absl::string_view text);

// How many columns of a terminal `text` (valid UTF-8) takes: 2 for wide characters, 0 for those
// that combine.
int DisplayWidth(absl::string_view text);

// The longest start of `text` that fits into `width` columns, its end marked by `…` if something
// was cut off.
std::string CutToWidth(absl::string_view text, int width);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_DISPLAY_TEXT_H_
