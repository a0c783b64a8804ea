#include "libs/journal/damage_ledger.h"

#include <algorithm>
#include <iterator>

namespace sluice::journal {

void DamageLedger::Add(int64_t from, int64_t to) {
  if (from >= to) return;
  int64_t known = 0;
  int64_t merged_from = from;
  int64_t merged_to = to;
  auto hole = holes_.upper_bound(from);
  if (hole != holes_.begin() && std::prev(hole)->second >= from) --hole;
  while (hole != holes_.end() && hole->first <= to) {
    known += std::max<int64_t>(0, std::min(to, hole->second) - std::max(from, hole->first));
    merged_from = std::min(merged_from, hole->first);
    merged_to = std::max(merged_to, hole->second);
    hole = holes_.erase(hole);
  }
  damaged_ += to - from - known;
  if (static_cast<int>(holes_.size()) < kMaxHoles) holes_[merged_from] = merged_to;
}

void DamageLedger::ForgetBelow(int64_t offset) {
  while (!holes_.empty() && holes_.begin()->second <= offset) holes_.erase(holes_.begin());
}

}  // namespace sluice::journal
