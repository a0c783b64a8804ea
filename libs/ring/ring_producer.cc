#include "libs/ring/ring_producer.h"

#include <cstring>

#include "libs/ring/futex.h"
#include "libs/ring/record_format.h"

namespace sluice::ring {
namespace {

constexpr uint64_t kCheckIntervalMs = 1000;

void PutHeader(uint8_t* record, uint64_t position, size_t content_bytes, RecordKind kind) {
  const RecordHeader header = {0, position, static_cast<uint32_t>(content_bytes),
                               static_cast<uint32_t>(kind)};
  std::memcpy(record, &header, sizeof(header));
}

}  // namespace

RingError RingProducer::Open(const ProducerOptions& options) {
  const RingError error = file_.Open(options);
  if (error != RingError::kNone) return error;
  seed_ = file_.header().Seed();
  leases_ = LeaseTable(file_.leases(), file_.control(), seed_);
  high_mark_bytes_ =
      options.high_mark_bytes != 0 ? options.high_mark_bytes : file_.capacity() / 4 * 3;
  next_check_ms_ = 0;
  replaced_ = false;
  stats_ = Stats();
  Recover();
  return RingError::kNone;
}

void RingProducer::Recover() {
  const uint64_t tail = file_.TailOrZero();
  head_ = HighestEnd(file_.Data(), tail);
  // Of this boot, so no page is older than another: a record below a published head that is not
  // intact any more still has its position used up.
  const uint64_t published = file_.producer()->head.load(std::memory_order_relaxed);
  if (published > head_ && published % 8 == 0 && published - tail <= file_.capacity()) {
    head_ = published;
  }
  tail_ = head_ - tail <= file_.capacity() ? tail : head_ - file_.capacity();
  file_.producer()->head.store(head_, std::memory_order_seq_cst);
  WakeReader();
}

RingError RingProducer::Append(const Piece* pieces, size_t count, uint64_t now_ms) {
  if (!file_.is_open()) return RingError::kNotOpen;
  if (now_ms >= next_check_ms_) {
    replaced_ = !file_.StandsAtPath();
    next_check_ms_ = now_ms + kCheckIntervalMs;
  }
  if (replaced_) return RingError::kReplaced;
  size_t content_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    // Each by itself, so that the sum cannot overflow.
    if (pieces[i].size > max_content_bytes()) return RingError::kTooLarge;
    content_bytes += pieces[i].size;
    if (content_bytes > max_content_bytes()) return RingError::kTooLarge;
  }
  RecordHeader header = {};
  header.content_bytes = static_cast<uint32_t>(content_bytes);
  const uint64_t stride = header.Stride();
  const uint64_t rest = file_.capacity() - head_ % file_.capacity();
  const uint64_t passed_over = stride <= rest ? 0 : rest;
  if (passed_over + stride > file_.capacity() - (head_ - tail_)) {
    LearnTail();
    if (passed_over + stride > file_.capacity() - (head_ - tail_)) {
      ++stats_.full;
      return RingError::kFull;
    }
  }
  if (passed_over >= kRecordHeaderBytes) {
    uint8_t* const filler = file_.data() + head_ % file_.capacity();
    PutHeader(filler, head_, passed_over - kRecordHeaderBytes, RecordKind::kFiller);
    SealRecord(seed_, filler);
  }
  const uint64_t position = head_ + passed_over;
  uint8_t* const record = file_.data() + position % file_.capacity();
  PutHeader(record, position, content_bytes, RecordKind::kRecord);
  uint8_t* out = record + kRecordHeaderBytes;
  for (size_t i = 0; i < count; ++i) {
    if (pieces[i].size != 0) std::memcpy(out, pieces[i].bytes, pieces[i].size);
    out += pieces[i].size;
  }
  SealRecord(seed_, record);
  head_ = position + stride;
  // Before the load of `waiting`, for all to see: see docs/ring-format.md.
  file_.producer()->head.store(head_, std::memory_order_seq_cst);
  ++stats_.appended;
  WakeReader();
  return RingError::kNone;
}

void RingProducer::WakeReader() {
  std::atomic<uint32_t>& waiting = file_.reader()->waiting;
  if (waiting.load(std::memory_order_seq_cst) != kAsleep) return;
  uint32_t expected = kAsleep;
  if (!waiting.compare_exchange_strong(expected, kAwake)) return;
  FutexWake(&waiting);
  ++stats_.wakeups;
}

void RingProducer::LearnTail() {
  const uint64_t tail = file_.reader()->tail.load(std::memory_order_acquire);
  if (tail % 8 == 0 && tail >= tail_ && tail <= head_) {
    tail_ = tail;
  } else {
    ++stats_.implausible_tails;
  }
}

uint64_t RingProducer::UsedBytes() {
  if (!file_.is_open()) return 0;
  LearnTail();
  return head_ - tail_;
}

RingError RingProducer::Sync() {
  if (!file_.is_open()) return RingError::kNotOpen;
  return file_.Sync() ? RingError::kNone : RingError::kSystem;
}

void RingProducer::AddToCounter(int number, uint64_t amount) {
  if (!file_.is_open() || number < 0 || number >= kCounters) return;
  std::atomic<uint64_t>& counter = file_.producer()->counters[number];
  // The one writer: no read-modify-write needed.
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace sluice::ring
