#ifndef SLUICE_TOOLS_FLEETSIM_OFFSET_FILTER_H_
#define SLUICE_TOOLS_FLEETSIM_OFFSET_FILTER_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace sluice::fleetsim {

// Tells records that a stream shows for the first time from those that it shows again after it was
// opened anew: within a journal offsets rise. Not thread-safe.
class OffsetFilter {
 public:
  // Whether the record was not shown yet. Journals beyond the first 16 are not told apart from new
  // ones.
  bool IsNew(absl::string_view journal_id, int64_t offset) {
    auto found = next_.find(journal_id);
    if (found == next_.end()) {
      if (next_.size() >= kMaxJournals) return true;
      found = next_.emplace(std::string(journal_id), 0).first;
    }
    if (offset < found->second) return false;
    found->second = offset + 1;
    return true;
  }

 private:
  static constexpr size_t kMaxJournals = 16;
  absl::flat_hash_map<std::string, int64_t> next_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_OFFSET_FILTER_H_
