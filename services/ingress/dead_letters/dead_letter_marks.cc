#include "services/ingress/dead_letters/dead_letter_marks.h"

#include <xxhash.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"
#include "sluice/state/v1/dead_letters.pb.h"

namespace sluice::ingress {
namespace {

constexpr int kFormatVersion = 1;
constexpr int64_t kMaxFileBytes = 4 << 20;

uint64_t ChecksumOf(const state::v1::DeadLetterMarks& file) {
  std::vector<int64_t> numbers(file.replayed().begin(), file.replayed().end());
  numbers.push_back(file.purged_below());
  return XXH3_64bits(numbers.data(), numbers.size() * sizeof(int64_t));
}

// Adds one offset to ranges that lie apart.
void Add(int64_t offset, std::map<int64_t, int64_t>* ranges) {
  auto after = ranges->upper_bound(offset);
  int64_t from = offset;
  int64_t to = offset + 1;
  if (after != ranges->begin()) {
    const auto before = std::prev(after);
    if (before->second > offset) return;
    if (before->second == offset) from = before->first;
  }
  if (after != ranges->end() && after->first == to) {
    to = after->second;
    ranges->erase(after);
  }
  (*ranges)[from] = to;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DeadLetterMarks>> DeadLetterMarks::Open(const std::string& path,
                                                                       Journal* log) {
  auto marks = std::make_unique<DeadLetterMarks>(path, log);
  if (absl::Status status = marks->Read(); !status.ok()) return status;
  return marks;
}

DeadLetterMarks::DeadLetterMarks(std::string path, Journal* log)
    : path_(std::move(path)), log_(log) {
  log_->SetRetentionPoint(0);
}

absl::Status DeadLetterMarks::Read() {
  const auto bytes = ReadFile(path_, kMaxFileBytes);
  if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
  if (!bytes.ok()) return bytes.status();
  state::v1::DeadLetterMarks file;
  if (!file.ParseFromString(*bytes) || file.format_version() < 1) {
    return absl::DataLossError(absl::StrCat(path_, " holds no marks of dead letters"));
  }
  if (file.format_version() > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(path_, " has format version ",
                                                      file.format_version(),
                                                      "; this program knows ", kFormatVersion));
  }
  if (file.checksum() != ChecksumOf(file) || file.replayed_size() % 2 != 0) {
    return absl::DataLossError(absl::StrCat(path_, " is damaged: its checksum is wrong"));
  }
  if (file.journal_id() != log_->id()) {
    return absl::DataLossError(
        absl::StrCat(path_, " is of a log with another id: of one that was wiped, or copied"));
  }
  absl::MutexLock lock(&mutex_);
  marks_.purged_below = file.purged_below();
  log_->SetRetentionPoint(marks_.purged_below);
  for (int i = 0; i < file.replayed_size(); i += 2) {
    marks_.replayed[file.replayed(i)] = file.replayed(i + 1);
  }
  return absl::OkStatus();
}

int64_t DeadLetterMarks::begin() const {
  absl::MutexLock lock(&mutex_);
  return Begin(marks_);
}

int64_t DeadLetterMarks::Begin(const Marks& marks) const {
  return std::max(marks.purged_below, log_->begin_offset());
}

bool DeadLetterMarks::Replayed(int64_t offset) const {
  absl::MutexLock lock(&mutex_);
  const auto after = marks_.replayed.upper_bound(offset);
  return after != marks_.replayed.begin() && std::prev(after)->second > offset;
}

bool DeadLetterMarks::HasRoomFor(size_t letters) const {
  absl::MutexLock lock(&mutex_);
  return marks_.replayed.size() + letters <= kMaxRanges;
}

absl::Status DeadLetterMarks::PurgeBelow(int64_t offset) {
  absl::MutexLock lock(&mutex_);
  if (offset <= Begin(marks_)) return absl::OkStatus();
  Marks marks = marks_;
  marks.purged_below = offset;
  return Write(std::move(marks));
}

absl::Status DeadLetterMarks::MarkReplayed(const std::vector<int64_t>& offsets) {
  if (offsets.empty()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  Marks marks = marks_;
  for (const int64_t offset : offsets) Add(offset, &marks.replayed);
  return Write(std::move(marks));
}

absl::Status DeadLetterMarks::Write(Marks marks) {
  const int64_t begin = Begin(marks);
  auto& replayed = marks.replayed;
  while (!replayed.empty() && replayed.begin()->second <= begin) replayed.erase(replayed.begin());
  state::v1::DeadLetterMarks file;
  file.set_format_version(kFormatVersion);
  file.set_journal_id(log_->id());
  file.set_purged_below(marks.purged_below);
  for (const auto& [from, to] : replayed) {
    file.add_replayed(from);
    file.add_replayed(to);
  }
  file.set_checksum(ChecksumOf(file));
  if (absl::Status status = ReplaceFile(path_, file.SerializeAsString()); !status.ok()) {
    return status;
  }
  marks_ = std::move(marks);
  log_->SetRetentionPoint(marks_.purged_below);
  return absl::OkStatus();
}

}  // namespace sluice::ingress
