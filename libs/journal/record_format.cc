#include "libs/journal/record_format.h"

// The checksum of a record is a matter of nanoseconds: as a function of the library each call costs
// half as much again.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "libs/journal/journal.h"
#include "libs/journal/little_endian.h"

namespace sluice::journal {
namespace {

constexpr char kSegmentMagic[] = "SLUICESG";
constexpr size_t kSegmentMagicBytes = 8;
// In a header: what comes before its checksum.
constexpr size_t kSummedHeaderBytes = kSegmentHeaderBytes - sizeof(uint64_t);
constexpr size_t kSegmentNameDigits = 20;
constexpr char kSegmentSuffix[] = ".seg";

}  // namespace

Identity Identity::Random() {
  std::random_device device;
  Identity identity;
  for (uint8_t& byte : identity.id) byte = static_cast<uint8_t>(device());
  identity.salt = (static_cast<uint64_t>(device()) << 32) | device();
  return identity;
}

std::string Identity::Text() const {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

uint64_t Identity::Seed() const {
  std::string bytes(reinterpret_cast<const char*>(id.data()), id.size());
  AppendNumber<uint64_t>(salt, &bytes);
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentMagic, kSegmentMagicBytes);
  AppendNumber<uint32_t>(kSegmentVersion, &bytes);
  AppendNumber<uint32_t>(kSegmentHeaderBytes, &bytes);
  bytes.append(reinterpret_cast<const char*>(header.identity.id.data()), header.identity.id.size());
  AppendNumber<uint64_t>(header.identity.salt, &bytes);
  AppendNumber<uint64_t>(header.first_offset, &bytes);
  AppendNumber<uint64_t>(header.skipped_before, &bytes);
  AppendNumber<uint64_t>(header.max_time_before_us, &bytes);
  AppendNumber<uint64_t>(0, &bytes);  // reserved
  AppendNumber<uint64_t>(XXH3_64bits(bytes.data(), kSummedHeaderBytes), &bytes);
  return bytes;
}

HeaderState DecodeSegmentHeader(absl::string_view bytes, SegmentHeader* header) {
  if (bytes.size() < static_cast<size_t>(kSegmentHeaderBytes) ||
      bytes.substr(0, kSegmentMagicBytes) != kSegmentMagic) {
    return HeaderState::kDamaged;
  }
  const char* const data = bytes.data();
  if (GetNumber<uint64_t>(data + kSummedHeaderBytes) != XXH3_64bits(data, kSummedHeaderBytes)) {
    return HeaderState::kDamaged;
  }
  const auto version = GetNumber<uint32_t>(data + 8);
  if (version > kSegmentVersion) return HeaderState::kNewer;
  if (version == 0) return HeaderState::kDamaged;
  std::memcpy(header->identity.id.data(), data + 16, header->identity.id.size());
  header->identity.salt = GetNumber<uint64_t>(data + 32);
  header->first_offset = static_cast<int64_t>(GetNumber<uint64_t>(data + 40));
  header->skipped_before = static_cast<int64_t>(GetNumber<uint64_t>(data + 48));
  header->max_time_before_us = static_cast<int64_t>(GetNumber<uint64_t>(data + 56));
  return HeaderState::kIntact;
}

void AppendRecord(uint64_t seed, int64_t offset, int64_t time_us, absl::string_view payload,
                  std::string* out) {
  const size_t start = out->size();
  char header[kRecordHeaderBytes];
  std::memcpy(header + kRecordMagicPosition, kRecordMagic, kRecordMagicBytes);
  PutNumber<uint32_t>(static_cast<uint32_t>(payload.size()), header + 12);
  PutNumber<uint64_t>(static_cast<uint64_t>(offset), header + 16);
  PutNumber<uint64_t>(static_cast<uint64_t>(time_us), header + 24);
  out->append(header, sizeof(header));
  out->append(payload.data(), payload.size());
  const char* const summed = out->data() + start + sizeof(uint64_t);
  const uint64_t checksum =
      XXH3_64bits_withSeed(summed, out->size() - start - sizeof(uint64_t), seed);
  PutNumber<uint64_t>(checksum, &(*out)[start]);
}

absl::optional<RecordHeader> DecodeRecordHeader(absl::string_view bytes) {
  if (bytes.size() < static_cast<size_t>(kRecordHeaderBytes)) return absl::nullopt;
  const char* const data = bytes.data();
  if (std::memcmp(data + kRecordMagicPosition, kRecordMagic, kRecordMagicBytes) != 0) {
    return absl::nullopt;
  }
  RecordHeader header;
  header.checksum = GetNumber<uint64_t>(data);
  header.payload_bytes = GetNumber<uint32_t>(data + 12);
  header.offset = static_cast<int64_t>(GetNumber<uint64_t>(data + 16));
  header.time_us = static_cast<int64_t>(GetNumber<uint64_t>(data + 24));
  if (header.payload_bytes > Journal::kMaxRecordBytes || header.offset < 0) return absl::nullopt;
  return header;
}

bool RecordIsIntact(uint64_t seed, const RecordHeader& header, absl::string_view frame) {
  frame.remove_prefix(sizeof(uint64_t));
  return XXH3_64bits_withSeed(frame.data(), frame.size(), seed) == header.checksum;
}

std::string SegmentName(int64_t first_offset) {
  return absl::StrFormat("%020d%s", first_offset, kSegmentSuffix);
}

absl::optional<int64_t> ParseSegmentName(absl::string_view name) {
  int64_t offset;
  if (!absl::ConsumeSuffix(&name, kSegmentSuffix) || name.size() != kSegmentNameDigits ||
      name.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(name, &offset)) {
    return absl::nullopt;
  }
  return offset;
}

}  // namespace sluice::journal
