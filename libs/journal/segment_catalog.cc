#include "libs/journal/segment_catalog.h"

#include <algorithm>
#include <iterator>

namespace sluice::journal {

void SegmentCatalog::Add(std::shared_ptr<const Segment> segment, int64_t previous_end_position) {
  absl::MutexLock lock(&mutex_);
  int64_t bytes_before = 0;
  if (!entries_.empty()) {
    Entry& previous = entries_.back();
    bytes_before = previous.bytes_before + previous_end_position;
    bytes_ += previous_end_position - previous.end_position;
    previous.end_position = previous_end_position;
    previous.end_offset = segment->first_offset;
  }
  if (segment->skipped_before > 0) {
    skipped_.emplace_back(segment->first_offset - segment->skipped_before, segment->first_offset);
  }
  entries_.emplace_back();
  entries_.back().segment = std::move(segment);
  entries_.back().bytes_before = bytes_before;
}

void SegmentCatalog::SetDurable(const Segment& segment, int64_t position, int64_t offset) {
  absl::MutexLock lock(&mutex_);
  durable_first_offset_ = segment.first_offset;
  durable_position_ = position;
  durable_offset_ = offset;
  Entry& last = entries_.back();
  if (last.segment->first_offset == segment.first_offset) {
    bytes_ += position - last.end_position;
    last.end_position = position;
  }
}

void SegmentCatalog::AddIndexPoint(int64_t position, int64_t offset) {
  absl::MutexLock lock(&mutex_);
  entries_.back().index.emplace_back(offset, position);
}

void SegmentCatalog::LearnIndexPoint(const Segment& segment, int64_t position, int64_t offset) {
  absl::MutexLock lock(&mutex_);
  for (Entry& entry : entries_) {
    if (entry.segment->first_offset != segment.first_offset) continue;
    const int64_t last = entry.index.empty() ? kSegmentHeaderBytes : entry.index.back().second;
    if (position >= last + kIndexBytes) entry.index.emplace_back(offset, position);
  }
}

int64_t SegmentCatalog::begin_offset() const {
  absl::MutexLock lock(&mutex_);
  return entries_.front().segment->first_offset;
}

int64_t SegmentCatalog::dropped_before_begin() const {
  absl::MutexLock lock(&mutex_);
  return retained_from_ - dropped_from_;
}

int64_t SegmentCatalog::durable_offset() const {
  absl::MutexLock lock(&mutex_);
  return durable_offset_;
}

int64_t SegmentCatalog::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

int64_t SegmentCatalog::segments() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(entries_.size());
}

int64_t SegmentCatalog::BytesBefore(int64_t offset) const {
  const Entry* const entry = Find(std::min(offset, durable_first_offset_));
  return (entry == nullptr ? entries_.front() : *entry).bytes_before;
}

int64_t SegmentCatalog::BytesBelow(int64_t offset) const {
  absl::MutexLock lock(&mutex_);
  return BytesBefore(offset) - entries_.front().bytes_before;
}

int64_t SegmentCatalog::ClosedBytesFrom(int64_t offset) const {
  absl::MutexLock lock(&mutex_);
  return entries_.back().bytes_before - BytesBefore(offset);
}

const SegmentCatalog::Entry* SegmentCatalog::Find(int64_t offset) const {
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), offset,
      [](int64_t value, const Entry& entry) { return value < entry.segment->first_offset; });
  return after == entries_.begin() ? nullptr : &*std::prev(after);
}

int64_t SegmentCatalog::BytesFrom(int64_t offset) const {
  absl::MutexLock lock(&mutex_);
  int64_t bytes = 0;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    const int64_t first_offset = entry->segment->first_offset;
    if (first_offset > durable_first_offset_) continue;
    const SegmentLimit limit = LimitOf(*entry);
    if (offset <= first_offset) {
      bytes += limit.position;
      continue;
    }
    if (offset >= limit.offset) break;
    std::pair<int64_t, int64_t> before = {first_offset, kSegmentHeaderBytes};
    std::pair<int64_t, int64_t> after = {limit.offset, limit.position};
    const auto point = std::upper_bound(entry->index.begin(), entry->index.end(),
                                        std::make_pair(offset, INT64_MAX));
    if (point != entry->index.begin()) before = *std::prev(point);
    // What is beyond the limit is not durable yet.
    if (point != entry->index.end() && point->first < limit.offset) after = *point;
    const double part =
        static_cast<double>(after.first - offset) / static_cast<double>(after.first - before.first);
    bytes += limit.position - after.second;
    bytes += static_cast<int64_t>(part * static_cast<double>(after.second - before.second));
    break;
  }
  return bytes;
}

SegmentPlace SegmentCatalog::Locate(int64_t offset) const {
  absl::MutexLock lock(&mutex_);
  SegmentPlace place;
  place.begin_offset = entries_.front().segment->first_offset;
  const Entry* const entry = Find(offset);
  if (entry == nullptr) return place;
  place.segment = entry->segment;
  place.position = kSegmentHeaderBytes;
  place.offset = entry->segment->first_offset;
  const auto after =
      std::upper_bound(entry->index.begin(), entry->index.end(), std::make_pair(offset, INT64_MAX));
  if (after != entry->index.begin()) {
    place.offset = std::prev(after)->first;
    place.position = std::prev(after)->second;
  }
  return place;
}

SegmentLimit SegmentCatalog::Limit(const Segment& segment) const {
  absl::MutexLock lock(&mutex_);
  const Entry* const entry = Find(segment.first_offset);
  if (entry != nullptr) return LimitOf(*entry);
  SegmentLimit limit;
  limit.closed = true;
  limit.offset = entries_.front().segment->first_offset;
  return limit;
}

SegmentLimit SegmentCatalog::LimitOf(const Entry& entry) const {
  if (entry.segment->first_offset == durable_first_offset_) {
    return {durable_position_, durable_offset_, false};
  }
  return {entry.end_position, entry.end_offset, true};
}

int64_t SegmentCatalog::FirstOffsetNear(int64_t time_us) const {
  absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i + 1 < entries_.size(); ++i) {
    if (entries_[i + 1].segment->max_time_before_us >= time_us) {
      return entries_[i].segment->first_offset;
    }
  }
  return entries_.back().segment->first_offset;
}

std::vector<Gap> SegmentCatalog::Classify(int64_t from, int64_t to) {
  absl::MutexLock lock(&mutex_);
  std::vector<Gap> gaps;
  const auto add = [&](int64_t end, GapReason reason) {
    end = std::min(end, to);
    if (end <= from) return;
    if (reason == GapReason::kCorruption) ledger_.Add(from, end);
    gaps.push_back({from, end, reason});
    from = end;
  };
  add(dropped_from_, GapReason::kRetention);
  add(retained_from_, GapReason::kDropped);
  for (const auto& [skipped_from, skipped_to] : skipped_) {
    if (skipped_to <= from) continue;
    add(skipped_from, GapReason::kCorruption);
    add(skipped_to, GapReason::kUnknown);
  }
  add(to, GapReason::kCorruption);
  return gaps;
}

int64_t SegmentCatalog::corrupt_records() const {
  absl::MutexLock lock(&mutex_);
  return ledger_.damaged();
}

std::vector<DroppedSegment> SegmentCatalog::Drop(const DropRules& rules) {
  absl::MutexLock lock(&mutex_);
  std::vector<DroppedSegment> dropped;
  int64_t missing_bytes = rules.missing_bytes;
  bool stale_one = rules.stale_before_us > INT64_MIN;
  while (entries_.front().segment->first_offset < durable_first_offset_) {
    const Entry& oldest = entries_.front();
    const bool acknowledged = oldest.end_offset <= rules.retention_point;
    const bool too_many = bytes_ > (acknowledged ? rules.max_bytes : rules.hard_max_bytes);
    const bool short_of_space =
        missing_bytes > 0 && (acknowledged || rules.missing_bytes_from_needed);
    if (!too_many && !short_of_space) {
      if (!acknowledged || !stale_one ||
          entries_[1].segment->max_time_before_us >= rules.stale_before_us) {
        break;
      }
      stale_one = false;
    }
    const int64_t first = std::max(retained_from_, oldest.segment->first_offset);
    const int64_t needed_from = std::min(oldest.end_offset, std::max(first, rules.retention_point));
    dropped.push_back({oldest.segment->path, needed_from - first, oldest.end_offset - needed_from,
                       /*for_reserve=*/!too_many});
    // The run of what was dropped goes on only if nothing acknowledged comes in between.
    if (needed_from > first) dropped_from_ = needed_from;
    bytes_ -= oldest.end_position;
    missing_bytes -= oldest.end_position;
    entries_.pop_front();
    retained_from_ = entries_.front().segment->first_offset;
  }
  if (!dropped.empty()) {
    ledger_.ForgetBelow(retained_from_);
    while (!skipped_.empty() && skipped_.front().second <= retained_from_) skipped_.pop_front();
  }
  return dropped;
}

}  // namespace sluice::journal
