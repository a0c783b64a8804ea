#include "libs/file/disk_probe.h"

namespace sluice {
namespace {

constexpr size_t kProbeBytes = 64 << 10;

absl::Status WriteAndSync(FileSystem* files, const std::string& directory,
                          const std::string& path) {
  auto file = files->OpenForWrite(path);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Write(0, std::string(kProbeBytes, '\0'));
  if (status.ok()) status = (*file)->Sync();
  if (status.ok()) status = files->SyncDirectory(directory);
  return status;
}

}  // namespace

absl::Status ProbeDisk(FileSystem* files, const std::string& directory) {
  const std::string path = directory + "/probe";
  const absl::Status written = WriteAndSync(files, directory, path);
  const absl::Status removed = files->Remove(path);
  return written.ok() ? removed : written;
}

}  // namespace sluice
