#include "libs/ring/ring_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/ring/futex.h"
#include "libs/ring/ring_file.h"

namespace sluice::ring {
namespace {

// A producer killed between an append and the wake-up costs no more than this.
constexpr absl::Duration kLongestWait = absl::Milliseconds(100);
// How often the path is looked at when there is nothing to read.
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
// A producer whose ring was replaced notices within a second; what it appends till then is read.
constexpr absl::Duration kSettle = absl::Seconds(2);
// Room for a good batch, if records are small.
constexpr uint64_t kBatchBytes = 256 << 10;

// The paths of rings that were set aside, by their sequence.
std::map<uint64_t, std::string> ListSetAside(const std::string& path) {
  std::map<uint64_t, std::string> found;
  const size_t slash = path.rfind('/');
  const std::string dir_path = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  DIR* const dir = opendir(dir_path.c_str());
  if (dir == nullptr) return found;
  while (const dirent* const entry = readdir(dir)) {
    absl::string_view rest = entry->d_name;
    uint64_t sequence;
    if (absl::ConsumePrefix(&rest, name) && absl::ConsumePrefix(&rest, ".") && !rest.empty() &&
        rest[0] >= '1' && rest[0] <= '9' && absl::SimpleAtoi(rest, &sequence)) {
      found.emplace(sequence, absl::StrCat(path, ".", rest));
    }
  }
  closedir(dir);
  return found;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RingReader>> RingReader::Open(const RingReaderOptions& options,
                                                             const Clock* clock) {
  std::unique_ptr<RingReader> reader(new RingReader(options, clock));
  absl::Status status = reader->Lock();
  if (status.ok()) status = reader->OpenRings();
  // Rings set aside are drained also while there is no current one.
  if (!status.ok() && reader->rings_.empty()) return status;
  return reader;
}

RingReader::RingReader(const RingReaderOptions& options, const Clock* clock)
    : options_(options),
      clock_(clock),
      boot_(options.boot != 0 ? options.boot : BootNumber()),
      next_look_(clock->Uptime()) {}

RingReader::~RingReader() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::Status RingReader::Lock() {
  const std::string path = options_.path + ".reader.lock";
  lock_fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (lock_fd_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  if (flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, absl::StrCat("lock ", path));
  return absl::FailedPreconditionError(
      absl::StrCat("another process reads the ring ", options_.path));
}

bool RingReader::IsOpen(uint64_t ring_id) const {
  return std::any_of(rings_.begin(), rings_.end(),
                     [&](const auto& ring) { return ring->header().id == ring_id; });
}

absl::Status RingReader::OpenRings() {
  // The current one first: a ring that is set aside in between is then open already, or found.
  auto current = MappedRing::Open(options_.path, boot_, /*set_aside=*/false);
  for (const auto& [sequence, path] : ListSetAside(options_.path)) {
    auto ring = MappedRing::Open(path, boot_, /*set_aside=*/true);
    if (!ring.ok()) {
      ++stats_.unreadable_rings;
    } else if (!IsOpen((*ring)->header().id) &&
               (!current.ok() || (*current)->header().id != (*ring)->header().id)) {
      rings_.push_back(*std::move(ring));
    }
  }
  if (!current.ok()) return current.status();
  if (!IsOpen((*current)->header().id)) rings_.push_back(*std::move(current));
  return absl::OkStatus();
}

bool RingReader::ResumeAfter(uint64_t ring_id, uint64_t position) {
  for (size_t i = 0; i < rings_.size(); ++i) {
    if (rings_[i]->header().id != ring_id) continue;
    RingCursor& cursor = rings_[i]->cursor();
    // The tail may be further, if what stands elsewhere was lost.
    if (position > cursor.position() && !cursor.SkipTo(position)) return false;
    for (size_t before = 0; before < i; ++before) {
      RingCursor& older = rings_[before]->cursor();
      older.SkipTo(older.tail() + older.UsedBytes());
    }
    reading_ = std::max(reading_, i);
    DropBefore(i);
    return true;
  }
  return true;
}

void RingReader::DropBefore(size_t index) {
  for (size_t i = 0; i < index; ++i) rings_[i]->cursor().Advance(rings_[i]->cursor().position());
  rings_.erase(rings_.begin(), rings_.begin() + static_cast<ptrdiff_t>(index));
  reading_ -= index;
}

void RingReader::Read(size_t max_records, RingBatch* batch) {
  batch->records.clear();
  batch->gaps.clear();
  size_t used = 0;
  while (batch->records.size() < max_records) {
    RingCursor& cursor = rings_[reading_]->cursor();
    const uint64_t largest =
        MaxContentBytes(cursor.memory().data.capacity) + kRecordHeaderBytes + 7;
    // Views into the buffer stand already once something is in it.
    if (used == 0 && batch->buffer.size() < std::max(largest, kBatchBytes)) {
      batch->buffer.resize(std::max(largest, kBatchBytes));
    }
    RingRecord record;
    const uint64_t implausible_heads = cursor.implausible_heads();
    const auto outcome = cursor.CopyNext(batch->buffer.data() + used, batch->buffer.size() - used,
                                         &record, &batch->gaps);
    stats_.implausible_heads += cursor.implausible_heads() - implausible_heads;
    if (outcome == RingCursor::Outcome::kNoRoom) break;
    if (outcome == RingCursor::Outcome::kCopied) {
      batch->records.push_back(record);
      used += kRecordHeaderBytes + record.content.size();
      continue;
    }
    if (reading_ + 1 < rings_.size()) {
      ++reading_;
      continue;
    }
    if (batch->records.empty()) LookForNewRing();
    break;
  }
  busy_ = busy_ || !batch->records.empty();
  stats_.records += batch->records.size();
  stats_.gaps += batch->gaps.size();
  for (const RingGap& gap : batch->gaps) stats_.gap_bytes += gap.to - gap.from;
}

void RingReader::LookForNewRing() {
  const absl::Duration now = clock_->Uptime();
  if (now < next_look_) return;
  next_look_ = now + kLookInterval;
  struct stat info;
  if (stat(options_.path.c_str(), &info) != 0 || rings_.back()->Is(info.st_dev, info.st_ino)) {
    replaced_since_.reset();
    return;
  }
  if (!replaced_since_.has_value()) replaced_since_ = now;
  if (!rings_.back()->cursor().closed() && now - *replaced_since_ < kSettle) return;
  replaced_since_.reset();
  // What cannot be opened is tried again. The old ring is read once more before the new one.
  OpenRings().IgnoreError();
}

absl::Status RingReader::Advance(uint64_t ring_id, uint64_t position) {
  for (size_t i = 0; i <= reading_; ++i) {
    if (rings_[i]->header().id != ring_id) continue;
    if (!rings_[i]->cursor().Advance(position)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "position ", position, " of the ring is not between ", rings_[i]->cursor().tail(),
          " and ", rings_[i]->cursor().position(), ", which was read"));
    }
    DropBefore(i);
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("ring ", ring_id, " is not open for reading"));
}

void RingReader::Wait(absl::Duration timeout) {
  RingCursor& cursor = rings_[reading_]->cursor();
  if (std::exchange(busy_, false) && options_.nap > absl::ZeroDuration()) {
    WaitOn(&cursor, kNapping, std::min(timeout, options_.nap));
    return;
  }
  WaitOn(&cursor, kAsleep, std::min(timeout, kLongestWait));
}

void RingReader::WaitOn(RingCursor* cursor, uint32_t how, absl::Duration timeout) {
  std::atomic<uint32_t>* const waiting = &cursor->memory().reader->waiting;
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(interrupted_, false)) return;
    // Before the look at the head, for all to see: see docs/ring-format.md.
    waiting->store(how, std::memory_order_seq_cst);
    sleeping_on_ = waiting;
  }
  if (how == kNapping || !cursor->MovedOn()) {
    const auto ms = static_cast<int>(absl::ToInt64Milliseconds(timeout));
    FutexWait(waiting, how, std::max(ms, 1));
    ++stats_.waits;
  }
  waiting->store(kAwake, std::memory_order_relaxed);
  absl::MutexLock lock(&mutex_);
  sleeping_on_ = nullptr;
  interrupted_ = false;
}

void RingReader::Interrupt() {
  absl::MutexLock lock(&mutex_);
  interrupted_ = true;
  if (sleeping_on_ == nullptr) return;
  sleeping_on_->store(kAwake, std::memory_order_seq_cst);
  FutexWake(sleeping_on_);
}

bool RingReader::IsOfThisBoot(uint64_t ring_id) const {
  return std::any_of(rings_.begin(), rings_.end(), [&](const auto& ring) {
    return ring->header().id == ring_id && ring->header().boot == boot_;
  });
}

uint64_t RingReader::Counter(int number) const {
  const ProducerFields* const producer = rings_.back()->cursor().memory().producer;
  return producer->counters[number].load(std::memory_order_relaxed);
}

uint64_t RingReader::UsedBytes() const {
  uint64_t bytes = 0;
  for (const auto& ring : rings_) bytes += ring->cursor().UsedBytes();
  return bytes;
}

}  // namespace sluice::ring
