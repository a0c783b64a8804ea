#include "tools/sluicectl/tail_position.h"

#include <algorithm>

namespace sluice::sluicectl {

v1::Start TailPosition::NextStart() const {
  v1::Start start;
  if (entered_ && !named_) {
    start.set_offset(next_offset_);
  } else if (entered_) {
    start.mutable_resume();
  } else if (from_earliest_) {
    start.mutable_earliest();
  } else {
    start = start_;
  }
  return start;
}

TailPosition::Entry TailPosition::Enter(const std::string& journal_id) {
  if (entered_ && journal_id == journal_id_) return Entry::kContinues;
  const bool another = !journal_id_.empty() && journal_id != journal_id_;
  if (another && entered_ && !named_) {
    OffsetIsGone();
    return Entry::kReopen;
  }
  if (another) next_offset_ = 0;
  journal_id_ = journal_id;
  entered_ = true;
  return another ? Entry::kNewJournal : Entry::kContinues;
}

bool TailPosition::OffsetIsGone() {
  if (!entered_ || named_) return false;
  entered_ = false;
  from_earliest_ = true;
  next_offset_ = 0;
  return true;
}

void TailPosition::Advance(int64_t next_offset) {
  next_offset_ = std::max(next_offset_, next_offset);
}

}  // namespace sluice::sluicectl
