#include "services/ingress/device_replica/replica_file.h"

#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"

namespace sluice::ingress {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

}  // namespace

absl::Status ReplicaFile::Load() {
  const auto content = ReadFile(path_, kMaxFileBytes);
  if (absl::IsNotFound(content.status())) return absl::OkStatus();
  if (!content.ok()) return content.status();
  const absl::Status status = replica_->Restore(*content);
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat(path_, ": ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status ReplicaFile::SaveIfChanged() {
  // Taken first: a change that comes in between is written once more rather than never.
  const int64_t version = replica_->version();
  if (version == saved_version_) return absl::OkStatus();
  const absl::Status status = ReplaceFile(path_, replica_->Serialize());
  if (status.ok()) saved_version_ = version;
  return status;
}

}  // namespace sluice::ingress
