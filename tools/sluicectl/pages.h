#ifndef SLUICE_TOOLS_SLUICECTL_PAGES_H_
#define SLUICE_TOOLS_SLUICECTL_PAGES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/sluicectl/options.h"

namespace sluice::sluicectl {

// Fetches and takes in one page, and returns the token of the next.
using FetchPage =
    std::function<absl::StatusOr<std::string>(int32_t page_size, const std::string& page_token)>;

// Fetches the page that `options` asks for, or that and all after it. Returns the token of the page
// after the last one; empty at the end. A service that gives the same token twice in a row ends it
// with INTERNAL.
absl::StatusOr<std::string> FetchPages(const PageOptions& options, const FetchPage& fetch);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_PAGES_H_
