#include "libs/journal/segment_reader.h"

#include <algorithm>
#include <utility>

namespace sluice::journal {

absl::StatusOr<JournalBatch> SegmentReader::Read(int max_records, int64_t max_bytes) {
  JournalBatch batch;
  int64_t bytes = 0;
  SegmentScanner::Record record;
  while (static_cast<int>(batch.records.size()) < max_records && bytes < max_bytes) {
    if (segment_ == nullptr) {
      const auto opened = OpenSegment(&batch);
      if (!opened.ok()) return opened.status();
      if (!*opened) break;
    }
    const SegmentLimit limit = catalog_->Limit(*segment_);
    const auto more = scanner_->Next(limit.position, limit.offset, &record);
    if (!more.ok()) {
      // What was read before the error must not get lost; the next call meets it again.
      if (!batch.records.empty() || !batch.gaps.empty()) break;
      return more.status();
    }
    if (*more) {
      if (record.position >= next_index_position_) {
        catalog_->LearnIndexPoint(*segment_, record.position, record.offset);
        next_index_position_ = record.position + kIndexBytes;
      }
      if (record.offset < next_offset_) continue;
      PassOver(record.offset, &batch);
      batch.records.push_back(
          {record.offset, absl::FromUnixMicros(record.time_us), std::string(record.payload)});
      bytes += static_cast<int64_t>(record.payload.size());
      next_offset_ = record.offset + 1;
      continue;
    }
    PassOver(limit.offset, &batch);
    if (!limit.closed) {
      scanner_->ReleaseBuffer();
      break;
    }
    CloseSegment();
  }
  batch.next_offset = next_offset_;
  return batch;
}

absl::StatusOr<bool> SegmentReader::OpenSegment(JournalBatch* batch) {
  while (next_offset_ < catalog_->durable_offset()) {
    const SegmentPlace place = catalog_->Locate(next_offset_);
    if (place.segment == nullptr) {
      PassOver(std::min(place.begin_offset, catalog_->durable_offset()), batch);
      continue;
    }
    auto file = files_->OpenForRead(place.segment->path);
    if (absl::IsNotFound(file.status())) {
      // Deleted by retention a moment ago, or by somebody else.
      const SegmentLimit limit = catalog_->Limit(*place.segment);
      PassOver(limit.offset, batch);
      continue;
    }
    if (!file.ok()) {
      if (!batch->records.empty() || !batch->gaps.empty()) return false;
      return file.status();
    }
    segment_ = place.segment;
    scanner_ = std::make_unique<SegmentScanner>(*std::move(file), segment_->seed, place.position,
                                                place.offset);
    next_index_position_ = place.position + kIndexBytes;
    return true;
  }
  return false;
}

void SegmentReader::PassOver(int64_t to, JournalBatch* batch) {
  if (to <= next_offset_) return;
  for (const Gap& gap : catalog_->Classify(next_offset_, to)) batch->gaps.push_back(gap);
  next_offset_ = to;
}

void SegmentReader::CloseSegment() {
  scanner_.reset();
  segment_.reset();
}

}  // namespace sluice::journal
