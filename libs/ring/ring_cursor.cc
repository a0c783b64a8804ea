#include "libs/ring/ring_cursor.h"

#include <algorithm>
#include <cstring>

namespace sluice::ring {

RingCursor::RingCursor(const RingMemory& memory, bool closed) : memory_(memory), closed_(closed) {
  const uint64_t capacity = memory_.data.capacity;
  tail_ = memory_.reader->tail.load(std::memory_order_acquire);
  const uint64_t head = memory_.producer->head.load(std::memory_order_acquire);
  const bool damaged = tail_ % 8 != 0 || tail_ >= kMaxTail || (!closed_ && tail_ > head);
  if (damaged) tail_ = 0;
  // More than a lap apart, tail or head is wrong: the records say which.
  if (closed_ || damaged || head - tail_ > capacity) {
    end_ = HighestEnd(memory_.data, tail_);
    // The producer overwrites only what was drained.
    if (end_ - tail_ > capacity) tail_ = end_ - capacity;
  }
  position_ = given_end_ = tail_;
}

bool RingCursor::HeadIsPlausible(uint64_t head) const {
  return head % 8 == 0 && head >= position_ && head - tail_ <= memory_.data.capacity;
}

uint64_t RingCursor::Limit() const {
  if (closed_) return end_;
  const uint64_t head = memory_.producer->head.load(std::memory_order_acquire);
  return HeadIsPlausible(head) ? head : position_;
}

bool RingCursor::MovedOn() const {
  return !closed_ && memory_.producer->head.load(std::memory_order_seq_cst) != seen_head_;
}

bool RingCursor::CopyIntact(uint64_t at, const RecordHeader& header, uint8_t* out) const {
  const bool filler = header.kind == static_cast<uint32_t>(RecordKind::kFiller);
  const uint8_t* const record = memory_.data.bytes + at % memory_.data.capacity;
  std::memcpy(out, record, kRecordHeaderBytes + (filler ? 0 : header.content_bytes));
  // The size that was checked must be the one that is summed up.
  return std::memcmp(out, &header, sizeof(header)) == 0 && ChecksumIsRight(memory_.data.seed, out);
}

void RingCursor::SkipHole(uint64_t to, std::vector<RingGap>* gaps) {
  if (to > position_) {
    gaps->push_back({memory_.id, position_, to});
    hole_end_ = to;
  }
  position_ = to;
  if (tail_ >= given_end_ && tail_ < hole_end_) Advance(tail_);
}

RingCursor::Outcome RingCursor::CopyNext(uint8_t* out, size_t room, RingRecord* record,
                                         std::vector<RingGap>* gaps) {
  const uint64_t capacity = memory_.data.capacity;
  const uint64_t head = closed_ ? end_ : memory_.producer->head.load(std::memory_order_acquire);
  if (!closed_ && !HeadIsPlausible(head)) {
    ++implausible_heads_;
    seen_head_ = head;
    return Outcome::kNothing;
  }
  uint64_t at = std::max(position_, searched_to_ <= head ? searched_to_ : 0);
  while (at < head) {
    const uint64_t rest = capacity - at % capacity;
    if (rest < kRecordHeaderBytes) {
      if (at == position_) position_ += rest;
      at += rest;
      continue;
    }
    RecordHeader header;
    std::memcpy(&header, memory_.data.bytes + at % capacity, sizeof(header));
    const uint64_t end = at + header.Stride();
    if (!HeaderIsPlausible(header, at, capacity) || end > head) {
      at += 8;
      continue;
    }
    const bool filler = header.kind == static_cast<uint32_t>(RecordKind::kFiller);
    if (room < (filler ? kRecordHeaderBytes : header.Stride())) return Outcome::kNoRoom;
    if (!CopyIntact(at, header, out)) {
      at += 8;
      continue;
    }
    SkipHole(at, gaps);
    position_ = at = end;
    if (filler) continue;
    given_end_ = end;
    record->ring_id = memory_.id;
    record->position = header.position;
    record->end = end;
    record->content = absl::string_view(reinterpret_cast<const char*>(out) + kRecordHeaderBytes,
                                        header.content_bytes);
    return Outcome::kCopied;
  }
  searched_to_ = head;
  seen_head_ = head;
  // A hole ends at an intact record, which the next append brings; but that needs room.
  if (head - position_ > capacity / 2) SkipHole(head, gaps);
  return Outcome::kNothing;
}

bool RingCursor::SkipTo(uint64_t position) {
  if (position % 8 != 0 || position < position_ || position > Limit()) return false;
  position_ = given_end_ = position;
  return Advance(position);
}

bool RingCursor::Advance(uint64_t position) {
  if (position % 8 != 0 || position < tail_ || position > position_) return false;
  tail_ = position >= given_end_ ? std::max(position, hole_end_) : position;
  memory_.reader->tail.store(tail_, std::memory_order_release);
  return true;
}

}  // namespace sluice::ring
