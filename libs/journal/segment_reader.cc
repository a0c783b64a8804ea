#include "libs/journal/segment_reader.h"

#include <algorithm>
#include <utility>

namespace sluice::journal {

absl::StatusOr<JournalBatch> SegmentReader::Read(int max_records, int64_t max_bytes) {
  std::vector<JournalRecord> records;
  auto batch = Visit(max_records, max_bytes, [&](const RecordView& record) {
    records.push_back({record.offset, record.append_time, std::string(record.bytes)});
  });
  if (batch.ok()) batch->records = std::move(records);
  return batch;
}

absl::StatusOr<JournalBatch> SegmentReader::Visit(
    int max_records, int64_t max_bytes, absl::FunctionRef<void(const RecordView&)> visit) {
  JournalBatch batch;
  batch.next_offset = next_offset_;  // to see whether it got on
  int64_t bytes = 0;
  int visited = 0;
  SegmentScanner::Record record;
  if (segment_ != nullptr) limit_ = catalog_->Limit(*segment_);
  while (visited < max_records && bytes < max_bytes) {
    if (segment_ == nullptr) {
      const auto opened = OpenSegment(&batch);
      if (!opened.ok()) return opened.status();
      if (!*opened) break;
    }
    const auto more = scanner_->Next(limit_.position, limit_.offset, &record);
    if (!more.ok()) {
      // What was read before the error must not get lost; the next call meets it again.
      if (next_offset_ > batch.next_offset) break;
      return more.status();
    }
    if (*more) {
      if (record.position >= next_index_position_) {
        catalog_->LearnIndexPoint(*segment_, record.position, record.offset);
        next_index_position_ = record.position + kIndexBytes;
      }
      if (record.offset < next_offset_) continue;
      PassOver(record.offset, &batch);
      visit({record.offset, absl::FromUnixMicros(record.time_us), record.payload});
      ++visited;
      bytes += static_cast<int64_t>(record.payload.size());
      next_offset_ = record.offset + 1;
      continue;
    }
    PassOver(limit_.offset, &batch);
    if (!limit_.closed) {
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
      if (next_offset_ > batch->next_offset) return false;
      return file.status();
    }
    segment_ = place.segment;
    limit_ = catalog_->Limit(*segment_);
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
