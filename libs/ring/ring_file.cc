#include "libs/ring/ring_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace sluice::ring {
namespace {

constexpr int kOpenFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
// ".reader.lock" or a dot and twenty digits.
constexpr int kMaxSuffixBytes = 24;
// 0.1 s in all.
constexpr int kLockTries = 20;
constexpr long kLockPauseNs = 5'000'000;

// A path with a suffix.
struct Beside {
  Beside(const char* path, const char* suffix) {
    snprintf(text, sizeof(text), "%s%s", path, suffix);
  }
  Beside(const char* path, uint64_t sequence) {
    snprintf(text, sizeof(text), "%s.%llu", path, static_cast<unsigned long long>(sequence));
  }
  char text[kMaxPathBytes + kMaxSuffixBytes];
};

RingError FromErrno() {
  const bool space = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return space ? RingError::kNoSpace : RingError::kSystem;
}

// Splits a path into its directory and the name in it.
const char* SplitPath(const char* path, char (&dir)[kMaxPathBytes]) {
  const char* const slash = strrchr(path, '/');
  if (slash == nullptr) {
    snprintf(dir, sizeof(dir), ".");
    return path;
  }
  snprintf(dir, sizeof(dir), "%.*s", static_cast<int>(slash - path) + 1, path);
  return slash + 1;
}

bool SyncDirectoryOf(const char* path) {
  char dir[kMaxPathBytes];
  SplitPath(path, dir);
  const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

// The capacity that the file's own size says; 0 if it is no ring's.
uint64_t CapacityOf(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return 0;
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < kDataStart || !CapacityIsValid(size - kDataStart)) return 0;
  return size - kDataStart;
}

HeaderState ReadHeader(int fd, RingHeader* header) {
  uint8_t bytes[kHeaderBytes];
  const ssize_t got = pread(fd, bytes, sizeof(bytes), 0);
  if (got < 0) return HeaderState::kForeign;
  const HeaderState state = DecodeHeader(bytes, static_cast<size_t>(got), header);
  const bool readable = state == HeaderState::kCurrent || state == HeaderState::kPrevious;
  return readable && header->capacity != CapacityOf(fd) ? HeaderState::kDamaged : state;
}

// The number in NAME.NUMBER; 0 if `entry` is no such name.
uint64_t SequenceIn(const char* entry, const char* name) {
  const size_t name_bytes = strlen(name);
  if (strncmp(entry, name, name_bytes) != 0 || entry[name_bytes] != '.') return 0;
  const char* const digits = entry + name_bytes + 1;
  if (*digits < '1' || *digits > '9') return 0;
  char* end = nullptr;
  errno = 0;
  const unsigned long long sequence = strtoull(digits, &end, 10);
  return *end == '\0' && errno == 0 ? sequence : 0;
}

}  // namespace

uint64_t BootNumber() {
  char text[64];
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t got = read(fd, text, sizeof(text));
  close(fd);
  // The line's end does not count.
  return got > 1 ? Hash(text, static_cast<size_t>(got) - 1, 0) : 0;
}

RingError RingFile::Open(const ProducerOptions& options) {
  Close();
  if (options.path == nullptr || strlen(options.path) + kMaxSuffixBytes >= kMaxPathBytes ||
      !CapacityIsValid(options.capacity_bytes)) {
    return RingError::kBadOptions;
  }
  snprintf(path_, sizeof(path_), "%s", options.path);
  const RingError error = OpenLocked(options);
  if (error != RingError::kNone) {
    const int system_error = errno;
    Close();
    errno = system_error;
  }
  return error;
}

RingError RingFile::OpenLocked(const ProducerOptions& options) {
  ProducerOptions resolved = options;
  if (resolved.boot == 0) resolved.boot = BootNumber();
  Plan plan;
  RingError error = Lock(options.mode);
  if (error == RingError::kNone) error = VisitSetAside(&plan);
  if (error == RingError::kNone) error = TakeOver(resolved, &plan);
  if (error == RingError::kNone && !plan.taken) error = Make(resolved, plan);
  return error;
}

void RingFile::Close() {
  Unmap();
  // Closing gives the locks up.
  if (fd_ >= 0) close(fd_);
  if (lock_fd_ >= 0) close(lock_fd_);
  fd_ = lock_fd_ = -1;
}

RingError RingFile::Lock(unsigned mode) {
  const Beside reader_lock(path_, ".reader.lock");
  const int reader_fd = open(reader_lock.text, kOpenFlags | O_CREAT, mode);
  if (reader_fd < 0) return FromErrno();
  // Whatever the umask: the reader may be another user.
  fchmod(reader_fd, mode);
  close(reader_fd);
  const Beside lock(path_, ".lock");
  lock_fd_ = open(lock.text, kOpenFlags | O_CREAT, mode);
  if (lock_fd_ < 0) return FromErrno();
  fchmod(lock_fd_, mode);
  for (int tries = 0; flock(lock_fd_, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK) return RingError::kSystem;
    if (tries == kLockTries) return RingError::kBusy;
    // It may be somebody who only asks whether there is a producer.
    const timespec pause = {0, kLockPauseNs};
    nanosleep(&pause, nullptr);
  }
  return RingError::kNone;
}

RingError RingFile::VisitSetAside(Plan* plan) {
  char dir_path[kMaxPathBytes];
  const char* const name = SplitPath(path_, dir_path);
  DIR* const dir = opendir(dir_path);
  if (dir == nullptr) return RingError::kSystem;
  while (const dirent* const entry = readdir(dir)) {
    const uint64_t sequence = SequenceIn(entry->d_name, name);
    if (sequence == 0) continue;
    if (sequence >= plan->sequence) plan->sequence = sequence + 1;
    const Beside old(path_, sequence);
    const int fd = open(old.text, kOpenFlags);
    if (fd < 0) continue;
    bool drained = false;
    const HeaderState state = ReadHeader(fd, &header_);
    if (state == HeaderState::kCurrent || state == HeaderState::kPrevious) {
      ++plan->set_aside;
      if (Map(fd, header_.capacity) == RingError::kNone) {
        drained = !HasUndrained();
        Unmap();
      }
    }
    close(fd);
    if (drained && unlink(old.text) == 0) --plan->set_aside;
  }
  closedir(dir);
  return RingError::kNone;
}

RingError RingFile::TakeOver(const ProducerOptions& options, Plan* plan) {
  fd_ = open(path_, kOpenFlags);
  if (fd_ < 0) return errno == ENOENT ? RingError::kNone : RingError::kSystem;
  const HeaderState state = ReadHeader(fd_, &header_);
  if (state == HeaderState::kForeign) return RingError::kForeign;
  if (state == HeaderState::kNewer) return RingError::kNewer;
  // Held also by a producer whose lock file somebody deleted.
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? RingError::kBusy : RingError::kSystem;
  }
  if (state == HeaderState::kDamaged) {
    const Beside damaged(path_, ".damaged");
    memcpy(plan->rename_to, damaged.text, sizeof(damaged.text));
    return RingError::kNone;
  }
  const RingError error = Map(fd_, header_.capacity);
  if (error != RingError::kNone) return error;
  if (state == HeaderState::kCurrent && header_.boot == options.boot && options.boot != 0 &&
      header_.capacity == options.capacity_bytes) {
    plan->taken = true;
    return Touch(fd_);
  }
  if (header_.sequence >= plan->sequence) plan->sequence = header_.sequence + 1;
  if (!HasUndrained()) return RingError::kNone;
  if (plan->set_aside >= kMaxSetAside) return RingError::kTooManyOld;
  const Beside old(path_, header_.sequence);
  struct stat info;
  // Never over another file.
  if (lstat(old.text, &info) == 0) return RingError::kForeign;
  memcpy(plan->rename_to, old.text, sizeof(old.text));
  return RingError::kNone;
}

RingError RingFile::Make(const ProducerOptions& options, const Plan& plan) {
  Unmap();
  // Kept open, so locked, until the new one has its place.
  const int old_fd = fd_;
  const Beside fresh(path_, ".new");
  unlink(fresh.text);
  fd_ = open(fresh.text, kOpenFlags | O_CREAT | O_EXCL, options.mode);
  RingError error = fd_ < 0 ? FromErrno() : RingError::kNone;
  header_ = RingHeader();
  header_.sequence = plan.sequence;
  header_.capacity = options.capacity_bytes;
  header_.boot = options.boot;
  if (error == RingError::kNone) error = Write(fd_, options);
  if (error == RingError::kNone) error = Map(fd_, options.capacity_bytes);
  if (error == RingError::kNone) error = Touch(fd_);
  const bool ready = error == RingError::kNone;
  if (ready && plan.rename_to[0] != '\0' && rename(path_, plan.rename_to) != 0) {
    error = RingError::kSystem;
  }
  if (error == RingError::kNone && rename(fresh.text, path_) != 0) error = RingError::kSystem;
  const int system_error = errno;
  if (error != RingError::kNone) unlink(fresh.text);
  if (old_fd >= 0) close(old_fd);
  errno = system_error;
  if (error == RingError::kNone && !SyncDirectoryOf(path_)) error = RingError::kSystem;
  return error;
}

// Writes a whole empty ring, so that lack of space shows as an error here.
RingError RingFile::Write(int fd, const ProducerOptions& options) {
  const uint64_t size = kDataStart + options.capacity_bytes;
  // Whatever the umask.
  if (fchmod(fd, options.mode) != 0) return RingError::kSystem;
  // Beyond this limit the kernel would send a signal that ends the process.
  rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
    errno = EFBIG;
    return RingError::kNoSpace;
  }
  errno = posix_fallocate(fd, 0, static_cast<off_t>(size));
  if (errno != 0) return FromErrno();
  while (header_.id == 0) {
    uint64_t random[2];
    if (getrandom(random, sizeof(random), 0) != sizeof(random)) return RingError::kSystem;
    header_.id = random[0];
    header_.salt = random[1];
  }
  static constexpr uint8_t kZeros[16384] = {};
  for (uint64_t at = 0; at < size; at += sizeof(kZeros)) {
    const uint64_t rest = size - at;
    const size_t bytes = rest < sizeof(kZeros) ? static_cast<size_t>(rest) : sizeof(kZeros);
    if (pwrite(fd, kZeros, bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(bytes)) {
      return FromErrno();
    }
  }
  uint8_t bytes[kHeaderBytes];
  EncodeHeader(header_, bytes);
  if (pwrite(fd, bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return FromErrno();
  }
  if (fsync(fd) != 0) return FromErrno();
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return RingError::kSystem;
  return RingError::kNone;
}

RingError RingFile::Map(int fd, uint64_t capacity) {
  struct stat info;
  if (fstat(fd, &info) != 0) return RingError::kSystem;
  void* const base =
      mmap(nullptr, kDataStart + capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return RingError::kSystem;
  base_ = static_cast<uint8_t*>(base);
  capacity_ = capacity;
  device_ = info.st_dev;
  inode_ = info.st_ino;
  return RingError::kNone;
}

void RingFile::Unmap() {
  if (base_ != nullptr) munmap(base_, kDataStart + capacity_);
  base_ = nullptr;
}

// Claims the space of a ring (a copy may be sparse) and makes every page writable now, not in the
// middle of an append. The reader may be at work meanwhile: nothing changes.
RingError RingFile::Touch(int fd) {
  errno = posix_fallocate(fd, 0, static_cast<off_t>(kDataStart + capacity_));
  if (errno != 0) return FromErrno();
  for (uint64_t at = 0; at < kDataStart + capacity_; at += kPageBytes) {
    reinterpret_cast<std::atomic<uint32_t>*>(base_ + at)->fetch_or(0, std::memory_order_relaxed);
  }
  return RingError::kNone;
}

uint64_t RingFile::TailOrZero() const {
  const uint64_t tail = reader()->tail.load(std::memory_order_acquire);
  return tail % 8 == 0 && tail < kMaxTail ? tail : 0;
}

bool RingFile::HasUndrained() const {
  const uint64_t tail = TailOrZero();
  return HighestEnd(Data(), tail) > tail;
}

bool RingFile::StandsAtPath() const {
  struct stat info;
  return stat(path_, &info) == 0 && info.st_dev == device_ && info.st_ino == inode_ &&
         static_cast<uint64_t>(info.st_size) == kDataStart + capacity_;
}

bool RingFile::Sync() { return fdatasync(fd_) == 0; }

}  // namespace sluice::ring
