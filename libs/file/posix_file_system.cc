#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/file/file_error.h"
#include "libs/file/file_system.h"

namespace sluice {
namespace {

absl::Status Cannot(int error, absl::string_view doing, absl::string_view path) {
  return FileError(error, absl::StrCat("cannot ", doing, " ", path));
}

// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  absl::StatusOr<size_t> Read(int64_t position, size_t size, char* out) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          pread(descriptor_.get(), out + done, size - done, position + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Cannot(errno, "read", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  absl::Status Write(int64_t position, absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t put = pwrite(descriptor_.get(), bytes.data(), bytes.size(), position);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return Cannot(errno, "write", path_);
      bytes.remove_prefix(static_cast<size_t>(put));
      position += put;
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(int64_t size) override {
    if (ftruncate(descriptor_.get(), size) != 0) return Cannot(errno, "truncate", path_);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (fdatasync(descriptor_.get()) != 0) return Cannot(errno, "sync", path_);
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Size() override {
    struct stat info;
    if (fstat(descriptor_.get(), &info) != 0) return Cannot(errno, "look at", path_);
    return static_cast<int64_t>(info.st_size);
  }

  // The number alone is given out again once the file is deleted.
  std::string Fingerprint() override {
    struct statx info;
    if (statx(descriptor_.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) != 0 ||
        (info.stx_mask & STATX_BTIME) == 0) {
      return "";
    }
    return absl::StrCat(info.stx_ino, " born ", info.stx_btime.tv_sec, ".", info.stx_btime.tv_nsec);
  }

 private:
  const Descriptor descriptor_;
  const std::string path_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;
};

class Posix final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& path) override {
    return Open(path, O_RDONLY);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& path) override {
    return Open(path, O_RDWR | O_CREAT);
  }

  absl::Status CreateDirectory(const std::string& path) override {
    if (mkdir(path.c_str(), 0750) == 0) return absl::OkStatus();
    if (errno != EEXIST) return Cannot(errno, "make directory", path);
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return Cannot(errno, "look at", path);
    return S_ISDIR(info.st_mode) ? absl::OkStatus() : Cannot(ENOTDIR, "use", path);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    DIR* const stream = opendir(directory.c_str());
    if (stream == nullptr) return Cannot(errno, "list", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream)) {
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    closedir(stream);
    if (error != 0) return Cannot(error, "list", directory);
    return names;
  }

  absl::Status Remove(const std::string& path) override {
    return unlink(path.c_str()) == 0 ? absl::OkStatus() : Cannot(errno, "remove", path);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return Cannot(errno, absl::StrCat("rename ", from, " to"), to);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0) return Cannot(errno, "open", path);
    return fsync(directory.get()) == 0 ? absl::OkStatus() : Cannot(errno, "sync", path);
  }

  absl::StatusOr<int64_t> FreeBytes(const std::string& directory) override {
    struct statvfs info;
    if (statvfs(directory.c_str(), &info) != 0) {
      return Cannot(errno, "look at the file system of", directory);
    }
    return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& directory) override {
    Descriptor descriptor(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) return Cannot(errno, "open", directory);
    if (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return Cannot(errno, "lock", directory);
      return absl::FailedPreconditionError(
          absl::StrCat(directory, " is in use by another process"));
    }
    return std::make_unique<PosixLock>(std::move(descriptor));
  }

  std::string BootId() override {
    auto file = Open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    char text[36];
    if (!file.ok()) return "";
    const auto size = (*file)->Read(0, sizeof(text), text);
    return size.ok() ? std::string(text, *size) : "";
  }

 private:
  static absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, int flags) {
    Descriptor descriptor(open(path.c_str(), flags | O_CLOEXEC, 0640));
    if (descriptor.get() < 0) return Cannot(errno, "open", path);
    return std::make_unique<PosixFile>(std::move(descriptor), path);
  }
};

}  // namespace

FileSystem* PosixFileSystem() {
  static Posix posix;
  return &posix;
}

}  // namespace sluice
