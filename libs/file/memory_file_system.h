#ifndef SLUICE_LIBS_FILE_MEMORY_FILE_SYSTEM_H_
#define SLUICE_LIBS_FILE_MEMORY_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/file/file_system.h"

namespace sluice {

// A file system in memory that loses what was not synced when its power goes, and fails when it is
// told to. Thread-safe.
class MemoryFileSystem final : public FileSystem {
 public:
  // What happens from now on. Paths are chosen by a part of their name; empty: every path.
  // The disk takes `bytes` more and is full then: a write stops half-way. What is removed or cut
  // off is free again.
  void SetFreeBytes(int64_t bytes);
  void FailWrites(const std::string& part, absl::Status status);
  void FailTruncates(absl::Status status);
  // As in Linux: what a failed sync was for is still read, but no later sync makes it durable.
  void FailSyncs(const std::string& part, absl::Status status);
  // Reads that touch [from, to) of a file whose path contains `part` fail.
  void FailReads(const std::string& part, int64_t from, int64_t to);
  void Heal();

  // Syncs wait until they are released.
  void HoldSyncs(bool hold);
  // Waits until a sync is being held.
  void AwaitHeldSync();
  int64_t syncs() const;

  // The machine stops and starts again: what was not synced is gone, except for the first
  // `kept_bytes` of what each file was extended by, and those sectors of what was there before for
  // which `keeps_sector` returns true. Files that are open keep what they see and harm nothing.
  void LosePower(
      int64_t kept_bytes = 0, const std::function<bool()>& keeps_sector = [] { return false; });

  // To look and to damage: the content of a file, which must be there.
  std::string Content(const std::string& path) const;
  void SetContent(const std::string& path, const std::string& content);
  bool Exists(const std::string& path) const;
  // `other` becomes the same disk as readers see it now, as an image of the device would be; files
  // that are copied one by one are others.
  void ImageTo(MemoryFileSystem* other) const;

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& path) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& directory) override;
  std::string BootId() override;

 private:
  struct Inode {
    int64_t number = 0;
    std::string content;  // what readers see
    std::string dirty;    // what the next sync that succeeds makes durable
    std::string synced;
  };
  class OpenFile;
  class Held;
  struct Fault {
    std::string part;
    absl::Status status;
    int64_t from = 0;
    int64_t to = INT64_MAX;
  };

  absl::Status Faulted(const Fault& fault, const std::string& path) const;
  std::shared_ptr<Inode>& Entry(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Inode>> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Inode>> synced_entries_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> locked_ ABSL_GUARDED_BY(mutex_);
  int64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = INT64_MAX;
  Fault write_fault_ ABSL_GUARDED_BY(mutex_);
  Fault truncate_fault_ ABSL_GUARDED_BY(mutex_);
  Fault sync_fault_ ABSL_GUARDED_BY(mutex_);
  Fault read_fault_ ABSL_GUARDED_BY(mutex_);
  bool hold_syncs_ ABSL_GUARDED_BY(mutex_) = false;
  int held_syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  int boots_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t inodes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_FILE_MEMORY_FILE_SYSTEM_H_
