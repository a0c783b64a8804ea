#ifndef SLUICE_LIBS_PAGE_PAGE_TOKEN_H_
#define SLUICE_LIBS_PAGE_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice {

// Page sizes and tokens of the List methods.
//
// A token holds the last key of its page and a checksum over that key and `context` (method and
// filter), so that a token of another method, another filter or another make is refused.
std::string MakePageToken(absl::string_view context, absl::string_view last_key);

// The last key in `token`; empty for an empty token. INVALID_ARGUMENT (field page_token) if it was
// not made by MakePageToken with the same context.
absl::StatusOr<std::string> ParsePageToken(absl::string_view context, absl::string_view token);

// The page size to use: 0 means 100. INVALID_ARGUMENT (field page_size) if not in 0 to 1,000.
absl::StatusOr<int> PageSize(int requested);

}  // namespace sluice

#endif  // SLUICE_LIBS_PAGE_PAGE_TOKEN_H_
