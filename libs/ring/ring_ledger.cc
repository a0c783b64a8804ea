#include "libs/ring/ring_ledger.h"

#include <algorithm>
#include <cstring>

#include "tools/fuzz/require.h"

namespace sluice::ring {
namespace {

std::string Content(uint64_t number, size_t size) {
  std::string content(size, static_cast<char>(number % 251));
  std::memcpy(content.data(), &number, sizeof(number));
  return content;
}

bool IsIn(const std::vector<RingGap>& gaps, uint64_t position) {
  return std::any_of(gaps.begin(), gaps.end(),
                     [&](const RingGap& gap) { return gap.from <= position && position < gap.to; });
}

}  // namespace

std::string RingLedger::NextContent(size_t size) const { return Content(records_.size(), size); }

const RingLedger::Record& RingLedger::Append(uint64_t ring_id, uint64_t position, uint64_t end,
                                             size_t size, bool reported) {
  records_.push_back({ring_id, position, end, records_.size(), size, reported});
  const Record& record = records_.back();
  places_[{ring_id, position}].push_back(record);
  if (reported) {
    highest_[ring_id] = std::max(highest_[ring_id], end);
    unread_.push_back(record);
  }
  if (end >= kMaxTail) AllowRereads();
  return record;
}

void RingLedger::StartProducer(uint64_t ring_id, uint64_t head) {
  if (head >= highest_[ring_id]) return;
  Require(fields_damaged_, "a position is given out twice");
  rewound_ = true;
}

void RingLedger::StartReader() {
  given_.clear();
  unread_.insert(unread_.begin(), undrained_.begin(), undrained_.end());
  undrained_.clear();
}

void RingLedger::Read(const RingBatch& batch) {
  for (const RingGap& gap : batch.gaps) ReadGap(gap);
  for (const RingRecord& record : batch.records) ReadRecord(record);
}

void RingLedger::ReadGap(const RingGap& gap) {
  Require(damaged_, "a gap where nothing was damaged");
  std::vector<RingGap>& gaps = given_[gap.ring_id].gaps;
  Require(gap.from < gap.to, "an empty gap");
  Require(rereads_ || gaps.empty() || gaps.back().to <= gap.from, "a gap twice, or out of order");
  gaps.push_back(gap);
}

void RingLedger::ReadRecord(const RingRecord& record) {
  const auto place = places_.find({record.ring_id, record.position});
  Require(place != places_.end(), "read where nothing was appended");
  const auto& here = place->second;
  const auto read = std::find_if(here.begin(), here.end(), [&](const Record& appended) {
    return record.content == Content(appended.number, appended.size) && record.end == appended.end;
  });
  Require(read != here.end(), "read what was not appended there");

  Given& given = given_[record.ring_id];
  Require(rereads_ || record.position >= given.end, "a record twice, or out of order");
  Require(rereads_ || !IsIn(given.gaps, record.position), "read what was reported as lost");
  if (given.any && !rereads_ && !rewound_) {
    Require(read->number > given.number, "a record of an earlier lap");
    for (auto skipped = places_.lower_bound({record.ring_id, given.end}); skipped != place;
         ++skipped) {
      const bool lost = skipped->second.back().reported;
      Require(!lost || IsIn(given.gaps, skipped->first.second), "lost without a gap");
    }
  }
  given.any = true;
  given.end = record.end;
  given.number = read->number;
  undrained_.push_back(*read);
  if (damaged_) return;
  Require(!unread_.empty() && unread_.front().number == read->number, "not the next record");
  unread_.pop_front();
}

void RingLedger::Drain(size_t count) {
  undrained_.erase(undrained_.begin(), undrained_.begin() + static_cast<ptrdiff_t>(count));
}

void RingLedger::CheckEnd() const { Require(damaged_ || unread_.empty(), "a record was lost"); }

}  // namespace sluice::ring
