#include "libs/ring/mapped_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::ring {

absl::StatusOr<std::unique_ptr<MappedRing>> MappedRing::Open(const std::string& path, uint64_t boot,
                                                             bool set_aside) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ring ", path));
  std::unique_ptr<MappedRing> ring(new MappedRing());
  const absl::Status status = ring->Map(fd, path, boot, set_aside);
  close(fd);  // the mappings stay
  if (!status.ok()) return status;
  return ring;
}

absl::Status MappedRing::Map(int fd, const std::string& path, uint64_t boot, bool set_aside) {
  struct stat info;
  uint8_t bytes[kHeaderBytes];
  const ssize_t got = pread(fd, bytes, sizeof(bytes), 0);
  if (got < 0 || fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, path);
  switch (DecodeHeader(bytes, static_cast<size_t>(got), &header_)) {
    case HeaderState::kForeign:
      return absl::FailedPreconditionError(absl::StrCat(path, " is not a ring"));
    case HeaderState::kNewer:
      return absl::FailedPreconditionError(
          absl::StrCat("the ring ", path, " was made by a newer version"));
    case HeaderState::kDamaged:
      return absl::DataLossError(absl::StrCat("the header of the ring ", path, " is damaged"));
    case HeaderState::kCurrent:
    case HeaderState::kPrevious:
      break;
  }
  const uint64_t capacity = static_cast<uint64_t>(info.st_size) - kDataStart;
  if (!CapacityIsValid(capacity) || capacity != header_.capacity) {
    return absl::DataLossError(absl::StrCat("the ring ", path, " has not the size it says"));
  }
  void* const fields = mmap(nullptr, kDataStart, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fields == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("map ", path));
  fields_ = static_cast<uint8_t*>(fields);
  void* const data = mmap(nullptr, capacity, PROT_READ, MAP_SHARED, fd, kDataStart);
  if (data == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("map ", path));
  data_ = static_cast<uint8_t*>(data);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  const RingMemory memory = {header_.id,
                             reinterpret_cast<ProducerFields*>(fields_ + kProducerStart),
                             reinterpret_cast<ReaderFields*>(fields_ + kReaderStart),
                             reinterpret_cast<ControlFields*>(fields_ + kControlStart),
                             reinterpret_cast<LeaseEntry*>(fields_ + kLeasesStart),
                             {data_, capacity, header_.Seed()}};
  cursor_ = std::make_unique<RingCursor>(memory, set_aside || header_.boot != boot);
  leases_ = LeaseTable(memory.leases, memory.control, memory.data.seed);
  return absl::OkStatus();
}

MappedRing::~MappedRing() {
  if (data_ != nullptr) munmap(data_, header_.capacity);
  if (fields_ != nullptr) munmap(fields_, kDataStart);
}

}  // namespace sluice::ring
