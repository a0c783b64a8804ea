#include "libs/journal/unwritten.h"

#include <algorithm>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::journal {
namespace {

constexpr int64_t kReadBytes = 64 << 10;
// The smallest that disks have.
constexpr int64_t kSectorBytes = 512;

}  // namespace

absl::StatusOr<int64_t> FirstNonZero(File* file, int64_t from, int64_t to) {
  std::string bytes;
  while (from < to) {
    bytes.resize(static_cast<size_t>(std::min(kReadBytes, to - from)));
    const auto read = file->Read(from, bytes.size(), bytes.data());
    if (!read.ok()) return read.status();
    const size_t found = absl::string_view(bytes.data(), *read).find_first_not_of('\0');
    if (found != absl::string_view::npos) return from + static_cast<int64_t>(found);
    if (*read < bytes.size()) break;
    from += static_cast<int64_t>(*read);
  }
  return to;
}

absl::StatusOr<bool> HasUnwrittenSector(File* file, int64_t from, int64_t to) {
  while (true) {
    const int64_t end = (from / kSectorBytes + 1) * kSectorBytes;
    if (end > to) return false;
    const auto written = FirstNonZero(file, from, end);
    if (!written.ok()) return written.status();
    if (*written == end) return true;
    from = end;
  }
}

}  // namespace sluice::journal
