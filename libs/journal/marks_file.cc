#include "libs/journal/marks_file.h"

#include <xxhash.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/journal/little_endian.h"

namespace sluice::journal {
namespace {

// Marks are written to the two slots in turn, each in a page of its own; the hint has a third, the
// fingerprint a fourth.
constexpr int64_t kPageBytes = 4096;
constexpr int64_t kHintPage = 2;
constexpr int64_t kFingerprintPage = 3;
constexpr absl::string_view kMarksMagic = "SLUICEMK";
constexpr absl::string_view kHintMagic = "SLUICEDU";
constexpr size_t kMarksBytes = 88;
constexpr size_t kHintBytes = 40;
constexpr absl::string_view kFingerprintMagic = "SLUICEFP";
constexpr size_t kFingerprintBytes = 24;
constexpr uint32_t kCleanFlag = 1;
// Version 1 has no dropped_before_begin: 0 stands in its place.
constexpr uint32_t kMarksVersion = 2;

void AppendChecksum(std::string* bytes) {
  AppendNumber<uint64_t>(XXH3_64bits(bytes->data(), bytes->size()), bytes);
}

bool IsIntact(absl::string_view bytes, absl::string_view magic) {
  const size_t summed = bytes.size() - sizeof(uint64_t);
  return bytes.substr(0, magic.size()) == magic &&
         GetNumber<uint64_t>(bytes.data() + summed) == XXH3_64bits(bytes.data(), summed);
}

std::string EncodeMarks(const Marks& marks, uint64_t sequence) {
  std::string bytes(kMarksMagic);
  AppendNumber<uint32_t>(kMarksVersion, &bytes);
  AppendNumber<uint32_t>(marks.clean ? kCleanFlag : 0, &bytes);
  AppendNumber<uint64_t>(sequence, &bytes);
  bytes.append(reinterpret_cast<const char*>(marks.identity.id.data()), marks.identity.id.size());
  AppendNumber<uint64_t>(marks.identity.salt, &bytes);
  AppendNumber<uint64_t>(marks.adopted_below, &bytes);
  AppendNumber<uint64_t>(marks.begin_offset, &bytes);
  AppendNumber<uint64_t>(marks.reserved_end, &bytes);
  AppendNumber<uint64_t>(marks.dropped_before_begin, &bytes);
  AppendChecksum(&bytes);
  return bytes;
}

Marks DecodeMarks(const char* data) {
  Marks marks;
  marks.clean = (GetNumber<uint32_t>(data + 12) & kCleanFlag) != 0;
  std::memcpy(marks.identity.id.data(), data + 24, marks.identity.id.size());
  marks.identity.salt = GetNumber<uint64_t>(data + 40);
  marks.adopted_below = static_cast<int64_t>(GetNumber<uint64_t>(data + 48));
  marks.begin_offset = static_cast<int64_t>(GetNumber<uint64_t>(data + 56));
  marks.reserved_end = static_cast<int64_t>(GetNumber<uint64_t>(data + 64));
  if (GetNumber<uint32_t>(data + 8) >= 2) {
    marks.dropped_before_begin = static_cast<int64_t>(GetNumber<uint64_t>(data + 72));
  }
  return marks;
}

uint64_t BootNumber(const std::string& boot_id) {
  return XXH3_64bits(boot_id.data(), boot_id.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<MarksFile>> MarksFile::Open(FileSystem* files,
                                                           const std::string& directory) {
  auto file = files->OpenForWrite(absl::StrCat(directory, "/marks"));
  if (!file.ok()) return file.status();
  auto opened = std::unique_ptr<MarksFile>(new MarksFile(*std::move(file), files->BootId()));
  absl::Status status = opened->Load();
  if (status.ok()) status = opened->Allocate();
  if (!status.ok()) return status;
  return opened;
}

absl::Status MarksFile::Allocate() {
  constexpr int64_t kFileBytes = (kFingerprintPage + 1) * kPageBytes;
  const auto size = file_->Size();
  if (!size.ok()) return size.status();
  if (*size >= kFileBytes) return absl::OkStatus();
  return file_->Write(*size, std::string(static_cast<size_t>(kFileBytes - *size), '\0'));
}

absl::Status MarksFile::Load() {
  for (int64_t slot = 0; slot < kHintPage; ++slot) {
    char bytes[kMarksBytes] = {};
    const auto read = file_->Read(slot * kPageBytes, sizeof(bytes), bytes);
    // A sector that cannot be read is a damaged slot: the other one may do.
    if (!read.ok() || !IsIntact(absl::string_view(bytes, sizeof(bytes)), kMarksMagic)) continue;
    if (GetNumber<uint32_t>(bytes + 8) > kMarksVersion) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the format of the journal's marks is version ", GetNumber<uint32_t>(bytes + 8),
          "; this program knows up to ", kMarksVersion));
    }
    const auto sequence = GetNumber<uint64_t>(bytes + 16);
    if (marks_.has_value() && sequence < sequence_) continue;
    sequence_ = sequence;
    marks_ = DecodeMarks(bytes);
  }
  if (IsCopy()) marks_.reset();
  char hint[kHintBytes] = {};
  const auto read = file_->Read(kHintPage * kPageBytes, sizeof(hint), hint);
  if (read.ok() && marks_.has_value() &&
      IsIntact(absl::string_view(hint, sizeof(hint)), kHintMagic) &&
      GetNumber<uint64_t>(hint + 16) == marks_->identity.Seed()) {
    durable_floor_ = static_cast<int64_t>(GetNumber<uint64_t>(hint + 24));
    const bool is_of_this_boot =
        !boot_id_.empty() && GetNumber<uint64_t>(hint + 8) == BootNumber(boot_id_);
    if (is_of_this_boot) durable_hint_ = durable_floor_;
  }
  return absl::OkStatus();
}

bool MarksFile::IsCopy() {
  const std::string fingerprint = file_->Fingerprint();
  char bytes[kFingerprintBytes] = {};
  const auto read = file_->Read(kFingerprintPage * kPageBytes, sizeof(bytes), bytes);
  if (fingerprint.empty() || !read.ok() ||
      !IsIntact(absl::string_view(bytes, sizeof(bytes)), kFingerprintMagic)) {
    return false;
  }
  fingerprint_noted_ =
      GetNumber<uint64_t>(bytes + 8) == XXH3_64bits(fingerprint.data(), fingerprint.size());
  return !fingerprint_noted_;
}

absl::Status MarksFile::NoteFingerprint() {
  const std::string fingerprint = file_->Fingerprint();
  if (fingerprint.empty()) return absl::OkStatus();
  std::string bytes(kFingerprintMagic);
  AppendNumber<uint64_t>(XXH3_64bits(fingerprint.data(), fingerprint.size()), &bytes);
  AppendChecksum(&bytes);
  return file_->Write(kFingerprintPage * kPageBytes, bytes);
}

absl::Status MarksFile::Store(const Marks& marks) {
  const uint64_t sequence = sequence_ + 1;
  const int64_t slot = static_cast<int64_t>(sequence % kHintPage);
  absl::Status status = file_->Write(slot * kPageBytes, EncodeMarks(marks, sequence));
  if (status.ok()) status = file_->Sync();
  // Only after marks that are this file's own.
  if (status.ok() && !fingerprint_noted_) {
    status = NoteFingerprint();
    if (status.ok()) status = file_->Sync();
    fingerprint_noted_ = status.ok();
  }
  if (!status.ok()) return status;
  sequence_ = sequence;
  marks_ = marks;
  return absl::OkStatus();
}

absl::Status MarksFile::NoteDurable(int64_t offset) {
  std::string bytes(kHintMagic);
  AppendNumber<uint64_t>(BootNumber(boot_id_), &bytes);
  AppendNumber<uint64_t>(marks_.has_value() ? marks_->identity.Seed() : 0, &bytes);
  AppendNumber<uint64_t>(offset, &bytes);
  AppendChecksum(&bytes);
  return file_->Write(kHintPage * kPageBytes, bytes);
}

}  // namespace sluice::journal
