#include "libs/journal/journal_program.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/journal/record_format.h"
#include "tools/fuzz/require.h"

namespace sluice::journal {
namespace {

constexpr int kMaxSteps = 50;
constexpr char kDirectory[] = "/d";
// A few records fill a segment.
constexpr int64_t kSegmentBytes = 400;
constexpr size_t kMaxBatchRecords = 5;

std::string PathOf(const std::string& name) { return absl::StrCat(kDirectory, "/", name); }

std::unique_ptr<MemoryFileSystem> Copy(MemoryFileSystem* files) {
  auto copy = std::make_unique<MemoryFileSystem>();
  files->ImageTo(copy.get());
  return copy;
}

}  // namespace

JournalProgram::JournalProgram(FuzzInput input)
    : input_(input), files_(std::make_unique<MemoryFileSystem>()) {
  options_.dir = kDirectory;
  options_.segment_bytes = kSegmentBytes;
  Open();
}

void JournalProgram::Run() {
  for (int i = 0; i < kMaxSteps && !input_.empty(); ++i) Step();
  for (int i = 0; i < 2; ++i) {
    Stop(Ending::kInOrder);
    Open();
    Append(true);
  }
}

void JournalProgram::Step() {
  const unsigned code = input_.Byte() % 32;
  if (code < 12) {
    Append(true);
  } else if (code < 16) {
    AppendUnsynced();
  } else if (code == 16) {
    AppendToFullDisk();
  } else if (code == 17) {
    clock_.Jump(absl::Seconds(static_cast<int64_t>(input_.Below(256)) - 128));
  } else if (code < 22) {
    Stop(static_cast<Ending>(input_.Below(3)));
    Open();
  } else {
    Damage();
  }
}

// Its own number, so that none is like another.
std::string JournalProgram::NextPayload(uint8_t code) {
  return absl::StrCat(payloads_++, ":",
                      std::string(code < 250 ? code % 16 : (code - 249) * 100, 'x'));
}

void JournalProgram::Append(bool durable) {
  const uint8_t code = input_.Byte();
  const std::string payload = NextPayload(code);
  // What is not waited for must survive a kill.
  const bool may_wait = durable && code % 2 == 1;
  const auto offset = journal_->Append(payload, may_wait ? WaitsFor::kNothing : WaitsFor::kDurable);
  Require(offset.ok(), "an append fails");
  Require(*offset >= shown_end_, "an offset is given out again");
  appended_[*offset].insert(payload);
  kept_[*offset] = payload;
  if (!durable) return;
  Require(journal_->WaitDurable(*offset, absl::InfiniteDuration()), "it never becomes durable");
  NoteDurable();
}

// The disk is slow, and then it is done, or the process or the machine ends before.
void JournalProgram::AppendUnsynced() {
  const auto durable = kept_;
  files_->HoldSyncs(true);
  const uint64_t records = 1 + input_.Below(kMaxBatchRecords);
  for (uint64_t i = 0; i < records; ++i) Append(false);
  const uint64_t end = input_.Below(4);
  if (end < 2) {
    if (end == 1) kept_ = durable;
    Stop(end == 0 ? Ending::kKill : Ending::kPowerLoss);
    return Open();
  }
  files_->HoldSyncs(false);
  journal_->WaitDurable(journal_->end_offset() - 1, absl::InfiniteDuration());
  NoteDurable();
}

void JournalProgram::AppendToFullDisk() {
  files_->SetFreeBytes(static_cast<int64_t>(input_.Below(256)));
  const int64_t end = journal_->end_offset();
  const std::string payload = NextPayload(input_.Byte());
  const auto offset = journal_->Append(payload);
  if (offset.ok()) {
    appended_[*offset].insert(payload);
    kept_[*offset] = payload;
    journal_->WaitDurable(*offset, absl::InfiniteDuration());
    NoteDurable();
  } else {
    Require(absl::IsResourceExhausted(offset.status()), "a full disk is called another thing");
    Require(journal_->end_offset() == end, "an append that failed has taken an offset");
  }
  files_->Heal();
}

void JournalProgram::NoteDurable() {
  shown_end_ = std::max(shown_end_, journal_->durable_offset());
}

void JournalProgram::Stop(Ending ending) {
  if (ending == Ending::kKill) {
    // What it wrote is in the kernel's hands.
    auto survivor = Copy(files_.get());
    files_->HoldSyncs(false);
    journal_.reset();
    files_ = std::move(survivor);
    return;
  }
  if (ending == Ending::kPowerLoss) {
    files_->LosePower(static_cast<int64_t>(input_.Below(3) * input_.Below(100)),
                      [this] { return input_.Below(2) == 0; });
    files_->HoldSyncs(false);
  }
  journal_.reset();
}

void JournalProgram::Damage() {
  Stop(static_cast<Ending>(input_.Below(3)));
  damaged_ = true;
  ++damages_;
  const uint64_t times = 1 + input_.Below(3);
  for (uint64_t i = 0; i < times; ++i) {
    const auto names = files_->List(kDirectory).value();
    if (names.empty()) break;
    const std::string& name = names[input_.Below(names.size())];
    const uint64_t kind = input_.Below(8);
    if (kind == 7) {
      ForgeSegment();
      continue;
    }
    marks_damaged_ = marks_damaged_ || name == "marks";
    if (kind == 0) {
      files_->Remove(PathOf(name)).IgnoreError();
    } else if (kind == 1) {
      // Another file's content under this name.
      const std::string& other = names[input_.Below(names.size())];
      files_->SetContent(PathOf(name), files_->Content(PathOf(other)));
    } else {
      DamageBytes(PathOf(name));
    }
  }
  Open();
}

void JournalProgram::DamageBytes(const std::string& path) {
  std::string content = files_->Content(path);
  if (content.empty()) return;
  size_t at = input_.Below(std::min<size_t>(content.size(), 65536));
  if (input_.Below(2) == 0) {
    // Mostly where a record begins.
    const size_t magic = content.find(kRecordMagic, at, kRecordMagicBytes);
    if (magic != std::string::npos) at = magic - kRecordMagicPosition;
  }
  const uint64_t size = input_.Below(2) == 0 ? input_.Below(4) : input_.Below(64);
  switch (input_.Below(4)) {
    case 0:
      content[at] = static_cast<char>(content[at] ^ (1 + input_.Below(255)));
      break;
    case 1:
      content.resize(at);
      break;
    case 2:
      content.insert(at, input_.Bytes(size));
      break;
    default:
      content.erase(at, size);
  }
  files_->SetContent(path, content);
}

// A segment as somebody may have made it who knows the salt.
void JournalProgram::ForgeSegment() {
  const auto marks = MarksFile::Open(files_.get(), kDirectory);
  if (!marks.ok() || !(*marks)->marks().has_value()) return;
  forged_ = true;
  SegmentHeader header;
  header.identity = (*(*marks)->marks()).identity;
  const int64_t named = static_cast<int64_t>(input_.Number(2));
  header.first_offset = input_.Below(4) == 0 ? static_cast<int64_t>(input_.Number(5)) : named;
  header.skipped_before = static_cast<int64_t>(input_.Number(1));
  std::string bytes = EncodeSegmentHeader(header);
  const uint64_t records = input_.Below(6);
  for (uint64_t i = 0; i < records; ++i) {
    const int64_t offset = named + static_cast<int64_t>(input_.Number(1));
    AppendRecord(header.identity.Seed(), offset, static_cast<int64_t>(input_.Number(3)),
                 input_.Bytes(input_.Below(32)), &bytes);
    bytes += input_.Bytes(input_.Below(4) == 0 ? input_.Below(16) : 0);
  }
  files_->SetContent(PathOf(SegmentName(named)), bytes);
}

void JournalProgram::Open() {
  options_.file_system = files_.get();
  const ReferenceLog expected = ReadDirectory(files_.get(), kDirectory);
  auto opened = Journal::Open(options_, &clock_);
  Require(opened.ok() != expected.newer, "opened although newer, or not although known");
  if (expected.newer) {
    // Only damage that happens to be a version can do that, with its checksum.
    Require(absl::IsFailedPrecondition(opened.status()), "newer, and called another thing");
    files_ = std::make_unique<MemoryFileSystem>();
    kept_.clear();
    shown_end_ = 0;
    return Open();
  }
  journal_ = *std::move(opened);
  Require(id_.empty() || journal_->id() == id_ || marks_damaged_, "another id");
  if (expected.marks.has_value()) {
    Require(journal_->id() == expected.marks->identity.Text(), "not the id of its marks");
  } else {
    Require(journal_->id() != id_, "the same id without marks");
  }
  // Marks of long ago may have taken the place of the last ones.
  if (marks_damaged_) shown_end_ = 0;
  marks_damaged_ = false;
  id_ = journal_->id();
  Require(journal_->end_offset() >= shown_end_, "offsets that were shown will be given out again");
  Check(expected);
  NoteDurable();
}

void JournalProgram::Check(const ReferenceLog& expected) {
  Require(journal_->durable_offset() == journal_->end_offset(), "opened, and not durable");
  for (const auto& [offset, record] : expected.records) {
    Require(offset < journal_->end_offset(), "a record above the end");
    Require(forged_ || appended_[offset].count(record.payload) > 0, "a record that nobody wrote");
  }
  for (const auto& [offset, payload] : kept_) {
    if (damaged_) break;
    const auto found = expected.records.find(offset);
    Require(found != expected.records.end() && found->second.payload == payload,
            "a record is lost on its way to the disk");
  }
  if (damaged_) kept_.clear();
  damaged_ = false;
  CheckFrom(0, expected);
  CheckFrom(static_cast<int64_t>(input_.Below(64)), expected);
  // Damage that undoes damage brings back records whose times are forgotten.
  if (!forged_ && damages_ < 2) CheckTime(expected);
}

// Records are those of `expected`, and with the gaps between them they leave nothing out.
void JournalProgram::CheckFrom(int64_t start, const ReferenceLog& expected) {
  const int64_t end = journal_->durable_offset();
  auto reader = journal_->NewReader(start);
  auto next = expected.records.lower_bound(start);
  int64_t covered = start;
  int64_t corrupt = 0;
  while (reader->next_offset() < end) {
    const int64_t before = reader->next_offset();
    const auto batch = reader->Read(3, 1000);
    Require(batch.ok(), "cannot read");
    Require(batch->next_offset > before, "reading does not go on");
    for (const Gap& gap : batch->gaps) {
      Require(gap.from < gap.to, "a gap of nothing");
      covered += gap.to - gap.from;
      if (gap.reason == GapReason::kCorruption) corrupt += gap.to - gap.from;
    }
    for (const JournalRecord& record : batch->records) {
      ++covered;
      Require(next != expected.records.end(), "a record that is not in the files");
      Require(record.offset >= next->first, "a record that is not in the files, or out of order");
      Require(record.offset == next->first, "an intact record is left out");
      Require(record.bytes == next->second.payload, "another record");
      Require(absl::ToUnixMicros(record.append_time) == next->second.time_us, "another time");
      ++next;
    }
    Require(covered == batch->next_offset, "records and gaps leave something out");
  }
  Require(next == expected.records.end() || next->first >= end, "an intact record is left out");
  if (start == 0) Require(journal_->stats().corrupt_records == corrupt, "damage is miscounted");
}

void JournalProgram::CheckTime(const ReferenceLog& expected) {
  const absl::Time time =
      clock_.Now() + absl::Seconds(static_cast<int64_t>(input_.Below(256)) - 128);
  const auto found = std::find_if(
      expected.records.begin(), expected.records.end(),
      [&](const auto& entry) { return entry.second.time_us >= absl::ToUnixMicros(time); });
  const int64_t offset =
      found == expected.records.end() ? journal_->durable_offset() : found->first;
  Require(journal_->OffsetAt(time) == offset, "a time has another offset");
}

}  // namespace sluice::journal
