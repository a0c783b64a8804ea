#include "services/analytics/series/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/file/atomic_file.h"
#include "libs/file/file_error.h"
#include "sluice/state/v1/analytics.pb.h"

namespace sluice::analytics {
namespace {

constexpr absl::string_view kMagic = "SLUICEAC";
constexpr uint32_t kFormatVersion = 2;
// About how large a part grows.
constexpr int64_t kPartBytes = 256 << 10;
constexpr int64_t kChecksumBytes = sizeof(uint64_t);

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return FileError(errno, absl::StrCat(what, " ", path));
}

// A file that is written or read front to back, with the checksum of what went through.
class ChecksummedFile {
 public:
  ChecksummedFile(int fd, const std::string& path)
      : fd_(fd), path_(path), hash_(XXH3_createState()) {
    XXH3_64bits_reset(hash_);
  }
  ~ChecksummedFile() { XXH3_freeState(hash_); }
  ChecksummedFile(const ChecksummedFile&) = delete;
  ChecksummedFile& operator=(const ChecksummedFile&) = delete;

  absl::Status Write(absl::string_view bytes) {
    XXH3_64bits_update(hash_, bytes.data(), bytes.size());
    bytes_ += static_cast<int64_t>(bytes.size());
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return SystemError("writing", path_);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
  template <typename Number>
  absl::Status WriteNumber(Number number) {
    char bytes[sizeof(Number)];
    for (size_t i = 0; i < sizeof(Number); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
    return Write(absl::string_view(bytes, sizeof(bytes)));
  }
  // A length and the message.
  absl::Status WritePart(const google::protobuf::MessageLite& message) {
    message.SerializeToString(&buffer_);
    if (absl::Status status = WriteNumber(static_cast<uint32_t>(buffer_.size())); !status.ok()) {
      return status;
    }
    return Write(buffer_);
  }

  // DATA_LOSS: the file ends before.
  absl::Status Read(size_t size, std::string* bytes) {
    bytes->resize(size);
    for (size_t done = 0; done < size;) {
      const ssize_t count = read(fd_, &(*bytes)[done], size - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError("reading", path_);
      if (count == 0) return Damaged("it ends too early");
      done += static_cast<size_t>(count);
    }
    XXH3_64bits_update(hash_, bytes->data(), bytes->size());
    bytes_ += static_cast<int64_t>(size);
    return absl::OkStatus();
  }
  template <typename Number>
  absl::Status ReadNumber(Number* number) {
    if (absl::Status status = Read(sizeof(Number), &buffer_); !status.ok()) return status;
    *number = 0;
    for (size_t i = 0; i < sizeof(Number); ++i) {
      *number |= static_cast<Number>(static_cast<uint8_t>(buffer_[i])) << (8 * i);
    }
    return absl::OkStatus();
  }
  // False in `more` at the end of the parts.
  absl::Status ReadPart(int64_t file_bytes, google::protobuf::MessageLite* message, bool* more) {
    uint32_t size = 0;
    if (absl::Status status = ReadNumber(&size); !status.ok()) return status;
    *more = size > 0;
    if (size == 0) return absl::OkStatus();
    if (size > file_bytes - bytes_) return Damaged("a part is longer than the file");
    if (absl::Status status = Read(size, &buffer_); !status.ok()) return status;
    return message->ParseFromString(buffer_) ? absl::OkStatus() : Damaged("a part is not readable");
  }

  absl::Status Damaged(absl::string_view how) const {
    return absl::DataLossError(absl::StrCat(path_, " is not a whole checkpoint: ", how));
  }
  absl::Status NewerFormat(uint32_t version) const {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " has format ", version, "; this version of Sluice reads up to ", kFormatVersion));
  }
  uint64_t checksum() const { return XXH3_64bits_digest(hash_); }
  int64_t bytes() const { return bytes_; }

 private:
  const int fd_;
  const std::string path_;
  XXH3_state_t* const hash_;
  std::string buffer_;
  int64_t bytes_ = 0;
};

void Fill(const SeriesRecord& record, state::v1::SeriesState* state) {
  state->set_device_id(record.device_id);
  state->set_metric(record.metric);
  state->set_unit(record.unit);
  state->set_sample_count(record.sample_count);
  state->set_anomaly_count(record.anomaly_count);
  state->set_last_value(record.last_value);
  state->set_last_z_score(record.last_z_score);
  state->set_last_sample_time_s(record.last_sample_time_s);
  state->set_last_sample_time_ns(record.last_sample_time_ns);
  state::v1::WindowState* window = state->mutable_window();
  window->mutable_samples()->Resize(record.window.size(), 0);
  record.window.CopySamples(window->mutable_samples()->mutable_data());
  const SlidingWindow::Moments moments = record.window.moments();
  window->set_next_index(moments.next_index);
  window->set_shift(moments.shift);
  window->set_scale(moments.scale);
  window->set_mean(moments.mean);
  window->set_squares(moments.squares);
  window->set_floor(moments.floor);
}

absl::Status Adopt(const state::v1::SeriesState& state, SeriesTable* table) {
  const state::v1::WindowState& kept = state.window();
  auto window = SlidingWindow::Restore(
      table->window_size_samples(), absl::MakeConstSpan(kept.samples().data(), kept.samples_size()),
      {kept.next_index(), kept.shift(), kept.scale(), kept.mean(), kept.squares(), kept.floor()});
  if (!window.ok()) return window.status();
  SeriesRecord& record = table->Touch(state.device_id(), state.metric());
  record.unit = state.unit();
  record.sample_count = state.sample_count();
  record.anomaly_count = state.anomaly_count();
  record.last_value = state.last_value();
  record.last_z_score = state.last_z_score();
  record.last_sample_time_s = state.last_sample_time_s();
  record.last_sample_time_ns = state.last_sample_time_ns();
  record.window = *std::move(window);
  return absl::OkStatus();
}

void Fill(const AnalyzerSettings& settings, state::v1::AnalyzerSettings* state) {
  state->set_max_series(settings.max_series);
  state->set_window_size_samples(settings.window_size_samples);
  state->set_threshold(settings.threshold);
  state->set_warm_up_samples(settings.warm_up_samples);
}

AnalyzerSettings SettingsOf(const state::v1::AnalyzerSettings& state) {
  return {state.max_series(), state.window_size_samples(), state.threshold(),
          state.warm_up_samples()};
}

absl::Status WriteAll(const CheckpointHead& head, const SeriesTable& table, ChecksummedFile* file) {
  absl::Status status = file->Write(kMagic);
  status.Update(file->WriteNumber(kFormatVersion));
  state::v1::CheckpointHeader header;
  header.set_telemetry_journal_id(head.position.journal_id);
  header.set_next_telemetry_offset(head.position.next_offset);
  header.set_window_size_samples(table.window_size_samples());
  header.set_series_count(table.size());
  Fill(head.settings, header.mutable_settings());
  for (const SettingsChange& change : head.changes) {
    state::v1::SettingsChange* state = header.add_changes();
    state->set_telemetry_journal_id(change.from.journal_id);
    state->set_from_telemetry_offset(change.from.next_offset);
    Fill(change.settings, state->mutable_settings());
  }
  status.Update(file->WritePart(header));

  state::v1::CheckpointPart part;
  int64_t part_bytes = 0;
  table.VisitBySilence([&](const SeriesRecord& record) {
    if (!status.ok()) return;
    Fill(record, part.add_series());
    part_bytes += 8 * record.window.size() + 100;
    if (part_bytes < kPartBytes) return;
    status.Update(file->WritePart(part));
    part.Clear();
    part_bytes = 0;
  });
  if (part.series_size() > 0) status.Update(file->WritePart(part));
  status.Update(file->WriteNumber(uint32_t{0}));
  status.Update(file->WriteNumber(file->checksum()));
  return status;
}

// What the file begins with.
absl::Status ReadFormat(ChecksummedFile* file, uint32_t* version) {
  std::string magic;
  if (absl::Status status = file->Read(kMagic.size(), &magic); !status.ok()) return status;
  if (magic != kMagic) return file->Damaged("it begins as something else");
  if (absl::Status status = file->ReadNumber(version); !status.ok()) return status;
  if (*version > kFormatVersion) return file->NewerFormat(*version);
  return *version > 0 ? absl::OkStatus() : file->Damaged("its format is 0");
}

// Nothing of a damaged file is looked at.
absl::Status CheckWhole(int fd, const std::string& path, int64_t file_bytes) {
  ChecksummedFile file(fd, path);
  uint32_t version = 0;
  if (absl::Status status = ReadFormat(&file, &version); !status.ok()) return status;
  std::string bytes;
  for (int64_t rest = file_bytes - kChecksumBytes - file.bytes(); rest > 0;) {
    const int64_t size = std::min(rest, kPartBytes);
    if (absl::Status status = file.Read(size, &bytes); !status.ok()) return status;
    rest -= size;
  }
  const uint64_t expected = file.checksum();
  uint64_t checksum = 0;
  if (absl::Status status = file.ReadNumber(&checksum); !status.ok()) return status;
  return checksum == expected ? absl::OkStatus() : file.Damaged("its checksum is wrong");
}

absl::StatusOr<CheckpointHead> ReadParts(
    int fd, const std::string& path, int64_t file_bytes, const AnalyzerSettings& settings_of_old,
    absl::FunctionRef<SeriesTable*(const AnalyzerSettings&)> table_for) {
  ChecksummedFile file(fd, path);
  uint32_t version = 0;
  if (absl::Status status = ReadFormat(&file, &version); !status.ok()) return status;
  bool more = false;
  state::v1::CheckpointHeader header;
  if (absl::Status status = file.ReadPart(file_bytes, &header, &more); !status.ok()) {
    return status;
  }
  if (header.next_telemetry_offset() < 0 || header.window_size_samples() < 2) {
    return file.Damaged("its header makes no sense");
  }
  CheckpointHead head;
  head.position = {header.telemetry_journal_id(), header.next_telemetry_offset()};
  head.settings = version == 1 ? settings_of_old : SettingsOf(header.settings());
  head.settings.window_size_samples = header.window_size_samples();
  for (const state::v1::SettingsChange& change : header.changes()) {
    head.changes.push_back({{change.telemetry_journal_id(), change.from_telemetry_offset()},
                            SettingsOf(change.settings())});
  }
  SeriesTable* const table = table_for(head.settings);
  int64_t series_count = 0;
  while (more) {
    state::v1::CheckpointPart part;
    if (absl::Status status = file.ReadPart(file_bytes, &part, &more); !status.ok()) {
      return status;
    }
    series_count += part.series_size();
    for (const state::v1::SeriesState& state : part.series()) {
      if (absl::Status status = Adopt(state, table); !status.ok()) {
        return file.Damaged(status.message());
      }
    }
  }
  if (file.bytes() != file_bytes - kChecksumBytes) return file.Damaged("something follows its end");
  if (series_count != header.series_count()) return file.Damaged("series are missing");
  return head;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PendingCheckpoint>> PendingCheckpoint::Write(
    const std::string& path, const CheckpointHead& head, const SeriesTable& table) {
  const std::string temporary = path + ".tmp";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("making", temporary);
  std::unique_ptr<PendingCheckpoint> pending(new PendingCheckpoint(path, fd, head.position));
  ChecksummedFile file(fd, temporary);
  if (absl::Status status = WriteAll(head, table, &file); !status.ok()) return status;
  pending->size_bytes_ = file.bytes();
  return pending;
}

PendingCheckpoint::~PendingCheckpoint() {
  if (fd_ < 0) return;
  close(fd_);
  unlink((path_ + ".tmp").c_str());
}

absl::Status PendingCheckpoint::Commit() {
  const std::string temporary = path_ + ".tmp";
  if (fsync(fd_) != 0) return SystemError("syncing", temporary);
  if (rename(temporary.c_str(), path_.c_str()) != 0) return SystemError("renaming", temporary);
  close(fd_);
  fd_ = -1;
  return SyncDirectoryOf(path_);
}

absl::StatusOr<CheckpointHead> ReadCheckpoint(
    const std::string& path, const AnalyzerSettings& settings_of_old,
    absl::FunctionRef<SeriesTable*(const AnalyzerSettings&)> table_for) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError("opening", path);
  const auto close_file = absl::MakeCleanup([fd] { close(fd); });
  struct stat about;
  if (fstat(fd, &about) != 0) return SystemError("reading", path);
  if (absl::Status status = CheckWhole(fd, path, about.st_size); !status.ok()) return status;
  if (lseek(fd, 0, SEEK_SET) != 0) return SystemError("reading", path);
  return ReadParts(fd, path, about.st_size, settings_of_old, table_for);
}

}  // namespace sluice::analytics
