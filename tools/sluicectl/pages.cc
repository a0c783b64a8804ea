#include "tools/sluicectl/pages.h"

namespace sluice::sluicectl {
namespace {

constexpr int32_t kLargestPage = 1'000;

}  // namespace

absl::StatusOr<std::string> FetchPages(const PageOptions& options, const FetchPage& fetch) {
  const int32_t page_size =
      options.all && options.page_size == 0 ? kLargestPage : options.page_size;
  std::string token = options.page_token;
  while (true) {
    absl::StatusOr<std::string> next = fetch(page_size, token);
    if (!next.ok() || next->empty() || !options.all) return next;
    if (*next == token) return absl::InternalError("the service gives the same page again");
    token = *next;
  }
}

}  // namespace sluice::sluicectl
