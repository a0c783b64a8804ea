#include "libs/journal/reference_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/journal/record_format.h"

namespace sluice::journal {
namespace {

// A file with a segment's name.
struct SegmentFile {
  std::string bytes;
  HeaderState state = HeaderState::kDamaged;
  SegmentHeader header;
};
using SegmentFiles = std::map<int64_t, SegmentFile>;  // by the offset in their names

// The intact records between two offsets: what stands under Reading, 2 to 4.
std::map<int64_t, ReferenceLog::Record> Scan(const std::string& bytes, uint64_t seed, int64_t first,
                                             int64_t limit) {
  std::map<int64_t, ReferenceLog::Record> records;
  const absl::string_view file = bytes;
  size_t at = kSegmentHeaderBytes;
  while (at + kRecordHeaderBytes <= file.size()) {
    const auto header = DecodeRecordHeader(file.substr(at, kRecordHeaderBytes));
    if (!header.has_value() || header->offset < first || header->offset >= limit ||
        at + header->FrameBytes() > file.size() ||
        !RecordIsIntact(seed, *header, file.substr(at, header->FrameBytes()))) {
      ++at;
      continue;
    }
    const absl::string_view payload =
        file.substr(at + kRecordHeaderBytes, static_cast<size_t>(header->payload_bytes));
    records[header->offset] = {header->time_us, std::string(payload)};
    first = header->offset + 1;
    at += static_cast<size_t>(header->FrameBytes());
  }
  return records;
}

// Takes out what is foreign, or holds nothing, or was to be deleted; sets the identity of those
// that do not tell their own.
void DropForeign(const absl::optional<Marks>& marks, SegmentFiles* segments) {
  absl::optional<Identity> likely;
  if (marks.has_value()) likely = marks->identity;
  for (const auto& [offset, segment] : *segments) {
    if (likely.has_value()) break;
    if (segment.state == HeaderState::kIntact) likely = segment.header.identity;
  }
  for (auto it = segments->begin(); it != segments->end();) {
    const int64_t offset = it->first;
    SegmentFile& segment = it->second;
    bool ours = false;
    if (segment.state == HeaderState::kIntact) {
      ours = segment.header.first_offset == offset &&
             (!marks.has_value() || segment.header.identity == marks->identity ||
              offset < marks->adopted_below);
    } else if (likely.has_value()) {
      segment.header.identity = *likely;
      ours = !Scan(segment.bytes, likely->Seed(), offset, INT64_MAX).empty();
    }
    it = ours ? std::next(it) : segments->erase(it);
  }
  while (marks.has_value() && segments->size() > 1 &&
         std::next(segments->begin())->first <= marks->begin_offset) {
    segments->erase(segments->begin());
  }
}

}  // namespace

ReferenceLog ReadDirectory(MemoryFileSystem* files, const std::string& directory) {
  ReferenceLog log;
  const auto marks = MarksFile::Open(files, directory);
  log.newer = absl::IsFailedPrecondition(marks.status());
  if (marks.ok()) log.marks = (*marks)->marks();

  SegmentFiles segments;
  const auto names = files->List(directory).value();
  for (const std::string& name : names) {
    const auto offset = ParseSegmentName(name);
    if (!offset.has_value()) continue;
    SegmentFile& segment = segments[*offset];
    segment.bytes = files->Content(absl::StrCat(directory, "/", name));
    segment.state = DecodeSegmentHeader(
        absl::string_view(segment.bytes).substr(0, kSegmentHeaderBytes), &segment.header);
    if (segment.state == HeaderState::kNewer) log.newer = true;
  }
  DropForeign(log.marks, &segments);
  for (auto it = segments.begin(); it != segments.end(); ++it) {
    const auto next = std::next(it);
    log.records.merge(Scan(it->second.bytes, it->second.header.identity.Seed(), it->first,
                           next == segments.end() ? INT64_MAX : next->first));
  }
  return log;
}

}  // namespace sluice::journal
