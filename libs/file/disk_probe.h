#ifndef SLUICE_LIBS_FILE_DISK_PROBE_H_
#define SLUICE_LIBS_FILE_DISK_PROBE_H_

#include <string>

#include "absl/status/status.h"
#include "libs/file/file_system.h"

namespace sluice {

// Whether what is written into the directory reaches the disk: makes the file DIRECTORY/probe with
// 64 KiB in it, syncs both, and removes it. Otherwise what the file system said. Costs an fsync.
absl::Status ProbeDisk(FileSystem* files, const std::string& directory);

}  // namespace sluice

#endif  // SLUICE_LIBS_FILE_DISK_PROBE_H_
