#ifndef SLUICE_SERVICES_ANALYTICS_SERIES_CHECKPOINT_H_
#define SLUICE_SERVICES_ANALYTICS_SERIES_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "services/analytics/series/analyzer_settings.h"
#include "services/analytics/series/series_table.h"

namespace sluice::analytics {

// How far into the telemetry a state reaches.
struct TelemetryPosition {
  std::string journal_id;   // empty: nothing was taken in yet
  int64_t next_offset = 0;  // first offset that the state does not cover

  bool operator==(const TelemetryPosition& other) const {
    return journal_id == other.journal_id && next_offset == other.next_offset;
  }
};

// Other settings that count from a record on.
struct SettingsChange {
  TelemetryPosition from;
  AnalyzerSettings settings;
};

// What a state is beside its series.
struct CheckpointHead {
  TelemetryPosition position;
  // Those that the state was made with, at its position.
  AnalyzerSettings settings = {};
  // Those to come, in the order in which they take effect.
  std::vector<SettingsChange> changes = {};
};

// The state of all series in one file, with the position that it belongs to.
//
// The file: 8 bytes `SLUICEAC`, the format's version (2; 1 had no settings), then parts, each a
// length and a message of sluice/state/v1/analytics.proto: one CheckpointHeader, CheckpointParts of
// about 256 KiB each; a length of 0 ends them. Last the XXH3-64 of all before it. Numbers are
// little-endian, of 4 bytes, the checksum of 8. A series takes 8 bytes a sample and some 100 bytes.

// A checkpoint on its way to the disk. PATH.tmp holds it until Commit; without that it is removed.
class PendingCheckpoint {
 public:
  // Writes PATH.tmp: into the page cache alone, so the state needs to stand still for a copy of
  // it, not for the disk. What the file system said: RESOURCE_EXHAUSTED, PERMISSION_DENIED,
  // UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<PendingCheckpoint>> Write(const std::string& path,
                                                                  const CheckpointHead& head,
                                                                  const SeriesTable& table);
  ~PendingCheckpoint();
  PendingCheckpoint(const PendingCheckpoint&) = delete;
  PendingCheckpoint& operator=(const PendingCheckpoint&) = delete;

  // Syncs the file and puts it in the place of the one before: after a crash at any moment one of
  // the two is there, whole. Once.
  absl::Status Commit();

  const TelemetryPosition& position() const { return position_; }
  int64_t size_bytes() const { return size_bytes_; }

 private:
  PendingCheckpoint(std::string path, int fd, TelemetryPosition position)
      : path_(std::move(path)), fd_(fd), position_(std::move(position)) {}

  const std::string path_;
  int fd_;
  const TelemetryPosition position_;
  int64_t size_bytes_ = 0;
};

// Reads a checkpoint. Its series go into the table that `table_for` makes for its settings: empty,
// with windows of that size. One of format 1 has `settings_of_old`, but for its windows' size.
// After an error the table is of no use. NOT_FOUND: no file. DATA_LOSS: not a whole checkpoint.
// FAILED_PRECONDITION: the format is newer.
absl::StatusOr<CheckpointHead> ReadCheckpoint(
    const std::string& path, const AnalyzerSettings& settings_of_old,
    absl::FunctionRef<SeriesTable*(const AnalyzerSettings&)> table_for);

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_SERIES_CHECKPOINT_H_
