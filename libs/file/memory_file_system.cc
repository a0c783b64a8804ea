#include "libs/file/memory_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

constexpr size_t kSectorBytes = 512;

}  // namespace

class MemoryFileSystem::OpenFile final : public File {
 public:
  OpenFile(MemoryFileSystem* files, std::string path, std::shared_ptr<Inode> inode)
      : files_(files), path_(std::move(path)), inode_(std::move(inode)) {}

  absl::StatusOr<size_t> Read(int64_t position, size_t size, char* out) override {
    absl::MutexLock lock(&files_->mutex_);
    const Fault& fault = files_->read_fault_;
    if (position < fault.to && position + static_cast<int64_t>(size) > fault.from) {
      if (absl::Status status = files_->Faulted(fault, path_); !status.ok()) return status;
    }
    const std::string& content = inode_->content;
    if (position >= static_cast<int64_t>(content.size())) return 0;
    const size_t count = std::min(size, content.size() - static_cast<size_t>(position));
    std::memcpy(out, content.data() + position, count);
    return count;
  }

  absl::Status Write(int64_t position, absl::string_view bytes) override {
    absl::MutexLock lock(&files_->mutex_);
    absl::Status status = files_->Faulted(files_->write_fault_, path_);
    if (!status.ok()) return status;
    std::string& content = inode_->content;
    const size_t end = static_cast<size_t>(position) + bytes.size();
    const int64_t growth =
        std::max<int64_t>(0, static_cast<int64_t>(end) - static_cast<int64_t>(content.size()));
    if (growth > files_->free_bytes_) {
      bytes.remove_suffix(std::min<size_t>(bytes.size(), growth - files_->free_bytes_));
      status = absl::ResourceExhaustedError(absl::StrCat("cannot write ", path_, ": full"));
    }
    files_->Release(-std::min(growth, files_->free_bytes_));
    for (std::string* const written : {&inode_->content, &inode_->dirty}) {
      if (written->size() < position + bytes.size()) written->resize(position + bytes.size());
      std::memcpy(&(*written)[position], bytes.data(), bytes.size());
    }
    return status;
  }

  absl::Status Truncate(int64_t size) override {
    absl::MutexLock lock(&files_->mutex_);
    if (absl::Status status = files_->Faulted(files_->truncate_fault_, path_); !status.ok()) {
      return status;
    }
    files_->Release(static_cast<int64_t>(inode_->content.size()) - size);
    inode_->content.resize(static_cast<size_t>(size));
    inode_->dirty.resize(static_cast<size_t>(size));
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    absl::MutexLock lock(&files_->mutex_);
    ++files_->held_syncs_;
    files_->mutex_.Await(absl::Condition(
        +[](MemoryFileSystem* files) { return !files->hold_syncs_; }, files_));
    --files_->held_syncs_;
    ++files_->syncs_;
    absl::Status status = files_->Faulted(files_->sync_fault_, path_);
    if (status.ok()) {
      inode_->synced = inode_->dirty;
    } else {
      inode_->dirty = inode_->synced;
    }
    return status;
  }

  absl::StatusOr<int64_t> Size() override {
    absl::MutexLock lock(&files_->mutex_);
    return static_cast<int64_t>(inode_->content.size());
  }

  std::string Fingerprint() override { return absl::StrCat(inode_->number); }

 private:
  MemoryFileSystem* const files_;
  const std::string path_;
  const std::shared_ptr<Inode> inode_;
};

class MemoryFileSystem::Held final : public DirectoryLock {
 public:
  Held(MemoryFileSystem* files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}
  ~Held() override {
    absl::MutexLock lock(&files_->mutex_);
    files_->locked_.erase(directory_);
  }

 private:
  MemoryFileSystem* const files_;
  const std::string directory_;
};

void MemoryFileSystem::SetFreeBytes(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  free_bytes_ = bytes;
}

void MemoryFileSystem::FailWrites(const std::string& part, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  write_fault_ = {part, std::move(status)};
}

void MemoryFileSystem::FailTruncates(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  truncate_fault_ = {"", std::move(status)};
}

void MemoryFileSystem::FailSyncs(const std::string& part, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  sync_fault_ = {part, std::move(status)};
}

void MemoryFileSystem::FailReads(const std::string& part, int64_t from, int64_t to) {
  absl::MutexLock lock(&mutex_);
  read_fault_ = {part, absl::UnavailableError("cannot read: bad sector"), from, to};
}

void MemoryFileSystem::Heal() {
  absl::MutexLock lock(&mutex_);
  free_bytes_ = INT64_MAX;
  write_fault_ = truncate_fault_ = sync_fault_ = read_fault_ = Fault{};
}

void MemoryFileSystem::HoldSyncs(bool hold) {
  absl::MutexLock lock(&mutex_);
  hold_syncs_ = hold;
}

void MemoryFileSystem::AwaitHeldSync() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](MemoryFileSystem* files) { return files->held_syncs_ > 0; }, this));
}

int64_t MemoryFileSystem::syncs() const {
  absl::MutexLock lock(&mutex_);
  return syncs_;
}

void MemoryFileSystem::LosePower(int64_t kept_bytes, const std::function<bool()>& keeps_sector) {
  absl::MutexLock lock(&mutex_);
  // New inodes, so that whoever had a file open before can do nothing to it any more.
  std::map<std::string, std::shared_ptr<Inode>> after;
  for (const auto& [path, inode] : synced_entries_) {
    auto survivor = std::make_shared<Inode>();
    survivor->number = inode->number;
    survivor->content = inode->synced;
    const size_t overwritten = std::min(inode->synced.size(), inode->content.size());
    for (size_t sector = 0; sector < overwritten; sector += kSectorBytes) {
      const size_t size = std::min(kSectorBytes, overwritten - sector);
      if (keeps_sector()) survivor->content.replace(sector, size, inode->content, sector, size);
    }
    if (inode->content.size() > inode->synced.size()) {
      survivor->content += inode->content.substr(inode->synced.size(), kept_bytes);
    }
    survivor->dirty = survivor->synced = survivor->content;
    after[path] = std::move(survivor);
  }
  entries_ = after;
  synced_entries_ = std::move(after);
  locked_.clear();
  ++boots_;
}

std::string MemoryFileSystem::Content(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  return entries_.at(path)->content;
}

void MemoryFileSystem::SetContent(const std::string& path, const std::string& content) {
  absl::MutexLock lock(&mutex_);
  auto& inode = Entry(path);
  inode->content = inode->dirty = inode->synced = content;
  synced_entries_[path] = inode;
}

std::shared_ptr<MemoryFileSystem::Inode>& MemoryFileSystem::Entry(const std::string& path) {
  auto& inode = entries_[path];
  if (inode == nullptr) {
    inode = std::make_shared<Inode>();
    inode->number = ++inodes_;
  }
  return inode;
}

void MemoryFileSystem::ImageTo(MemoryFileSystem* other) const {
  absl::MutexLock lock(&mutex_);
  absl::MutexLock other_lock(&other->mutex_);
  other->inodes_ = inodes_;
  for (const auto& [path, inode] : entries_) {
    auto copy = std::make_shared<Inode>(*inode);
    copy->dirty = copy->synced = copy->content;
    other->entries_[path] = other->synced_entries_[path] = std::move(copy);
  }
}

bool MemoryFileSystem::Exists(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  return entries_.count(path) > 0;
}

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::OpenForRead(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(path);
  if (found == entries_.end()) return absl::NotFoundError(absl::StrCat("no file ", path));
  return std::make_unique<OpenFile>(this, path, found->second);
}

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::OpenForWrite(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  return std::make_unique<OpenFile>(this, path, Entry(path));
}

absl::Status MemoryFileSystem::CreateDirectory(const std::string&) { return absl::OkStatus(); }

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(const std::string& directory) {
  absl::MutexLock lock(&mutex_);
  const std::string prefix = directory + "/";
  std::vector<std::string> names;
  for (const auto& entry : entries_) {
    if (absl::StartsWith(entry.first, prefix)) names.push_back(entry.first.substr(prefix.size()));
  }
  return names;
}

absl::Status MemoryFileSystem::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(path);
  if (found == entries_.end()) return absl::NotFoundError(absl::StrCat("no file ", path));
  Release(static_cast<int64_t>(found->second->content.size()));
  entries_.erase(found);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(from);
  if (found == entries_.end()) return absl::NotFoundError(absl::StrCat("no file ", from));
  entries_[to] = found->second;
  entries_.erase(from);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Faulted(sync_fault_, path); !status.ok()) return status;
  synced_entries_ = entries_;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryFileSystem::FreeBytes(const std::string&) {
  absl::MutexLock lock(&mutex_);
  return free_bytes_;
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> MemoryFileSystem::Lock(
    const std::string& directory) {
  absl::MutexLock lock(&mutex_);
  if (!locked_.insert(directory).second) {
    return absl::FailedPreconditionError(absl::StrCat(directory, " is in use"));
  }
  return std::make_unique<Held>(this, directory);
}

std::string MemoryFileSystem::BootId() {
  absl::MutexLock lock(&mutex_);
  return absl::StrCat("boot-", boots_);
}

void MemoryFileSystem::Release(int64_t bytes) {
  if (free_bytes_ != INT64_MAX) free_bytes_ += bytes;
}

absl::Status MemoryFileSystem::Faulted(const Fault& fault, const std::string& path) const {
  if (fault.status.ok() || !absl::StrContains(path, fault.part)) return absl::OkStatus();
  return fault.status;
}

}  // namespace sluice
