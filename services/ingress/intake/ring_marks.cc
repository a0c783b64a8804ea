#include "services/ingress/intake/ring_marks.h"

#include <algorithm>

namespace sluice::ingress {

void RingMarks::Add(Receipt::Log log, const RingPosition& position) {
  uint64_t& end = ends_[static_cast<int>(log)][position.ring_id];
  end = std::max(end, position.end);
}

void RingMarks::Forget(uint64_t ring_id) {
  for (auto& ends : ends_) ends.erase(ring_id);
}

bool RingMarks::Has(Receipt::Log log, const RingPosition& position) const {
  const auto& ends = ends_[static_cast<int>(log)];
  const auto it = ends.find(position.ring_id);
  return it != ends.end() && position.end <= it->second;
}

absl::optional<uint64_t> RingMarks::Highest(uint64_t ring_id) const {
  absl::optional<uint64_t> highest;
  for (const auto& ends : ends_) {
    const auto it = ends.find(ring_id);
    if (it != ends.end()) highest = std::max(highest.value_or(0), it->second);
  }
  return highest;
}

}  // namespace sluice::ingress
