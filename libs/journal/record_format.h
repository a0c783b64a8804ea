#ifndef SLUICE_LIBS_JOURNAL_RECORD_FORMAT_H_
#define SLUICE_LIBS_JOURNAL_RECORD_FORMAT_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace sluice::journal {

// The bytes of a segment file, as docs/journal-format.md specifies them. Knows no file.

inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr int64_t kSegmentHeaderBytes = 80;
inline constexpr int64_t kRecordHeaderBytes = 32;

// Where the four bytes of kRecordMagic stand in a record's header.
inline constexpr int64_t kRecordMagicPosition = 8;
inline constexpr char kRecordMagic[] = "\xD7SJR";
inline constexpr int64_t kRecordMagicBytes = 4;

// What makes a journal this one and no other.
struct Identity {
  std::array<uint8_t, 16> id = {};
  // Known to nobody outside the directory: without it nobody can make a payload that passes for a
  // record.
  uint64_t salt = 0;

  // A new one, from the machine's source of randomness.
  static Identity Random();

  // The id in 32 hexadecimal digits.
  std::string Text() const;
  // Starts every record's checksum.
  uint64_t Seed() const;

  bool operator==(const Identity& other) const { return id == other.id && salt == other.salt; }
};

struct SegmentHeader {
  Identity identity;
  int64_t first_offset = 0;
  // So many offsets right below first_offset were passed over: whether they held records is not
  // known.
  int64_t skipped_before = 0;
  // No record before this segment was appended later, in microseconds since the Unix epoch.
  int64_t max_time_before_us = INT64_MIN;
};

std::string EncodeSegmentHeader(const SegmentHeader& header);

enum class HeaderState { kIntact, kDamaged, kNewer };

// Fills `header` if the bytes are intact and of this version.
HeaderState DecodeSegmentHeader(absl::string_view bytes, SegmentHeader* header);

struct RecordHeader {
  uint64_t checksum = 0;
  int64_t payload_bytes = 0;
  int64_t offset = 0;
  int64_t time_us = 0;

  int64_t FrameBytes() const { return kRecordHeaderBytes + payload_bytes; }
};

// Appends the record's header and payload to `out`.
void AppendRecord(uint64_t seed, int64_t offset, int64_t time_us, absl::string_view payload,
                  std::string* out);

// Nothing if the first kRecordHeaderBytes of `bytes` cannot be the header of a record.
absl::optional<RecordHeader> DecodeRecordHeader(absl::string_view bytes);

// Whether `frame`, header and payload, is as it was written.
bool RecordIsIntact(uint64_t seed, const RecordHeader& header, absl::string_view frame);

// The name of the segment file that begins with this offset.
std::string SegmentName(int64_t first_offset);
// The offset in such a name; nothing if it is no such name.
absl::optional<int64_t> ParseSegmentName(absl::string_view name);

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_RECORD_FORMAT_H_
