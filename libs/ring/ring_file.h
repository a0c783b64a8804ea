#ifndef SLUICE_LIBS_RING_RING_FILE_H_
#define SLUICE_LIBS_RING_RING_FILE_H_

#include <sys/types.h>

#include <cstdint>

#include "libs/ring/layout.h"
#include "libs/ring/record_format.h"
#include "libs/ring/ring_error.h"

namespace sluice::ring {

// How the producer comes by its file: locks, makes, sets aside and maps. Needs no C++ runtime
// library.

inline constexpr int kMaxPathBytes = 1024;
// At most so many rings wait beside the current one.
inline constexpr int kMaxSetAside = 8;

struct ProducerOptions {
  // Of the ring; its directory must exist and belong to whom the producer runs as.
  const char* path = nullptr;
  // Of the data; a multiple of 4096 from 64 KiB to 1 GiB. A change makes a new ring.
  uint64_t capacity_bytes = 32 << 20;
  // Permissions of the files: the reader must be able to write to them.
  unsigned mode = 0600;
  // AboveHighMark() from here on; 0: three quarters of the capacity.
  uint64_t high_mark_bytes = 0;
  // Stands for the machine's boot in tests; 0: asks the kernel.
  uint64_t boot = 0;
};

// A number that differs at every boot of the machine; 0 if the kernel does not tell.
uint64_t BootNumber();

// A ring's file, mapped and locked, for one producer.
class RingFile {
 public:
  RingFile() = default;
  RingFile(const RingFile&) = delete;
  RingFile& operator=(const RingFile&) = delete;
  ~RingFile() { Close(); }

  // Takes the ring at the path over or makes one, as docs/ring-format.md says. On an error nothing
  // stays open and no ring was changed.
  RingError Open(const ProducerOptions& options);
  void Close();

  // Whether the path still names this file, and it has its size.
  bool StandsAtPath() const;
  // Everything stored up to now is on disk when true is returned.
  bool Sync();

  bool is_open() const { return base_ != nullptr; }
  const RingHeader& header() const { return header_; }
  uint64_t capacity() const { return capacity_; }
  uint8_t* data() const { return base_ + kDataStart; }
  ProducerFields* producer() const { return At<ProducerFields>(kProducerStart); }
  ReaderFields* reader() const { return At<ReaderFields>(kReaderStart); }
  ControlFields* control() const { return At<ControlFields>(kControlStart); }
  LeaseEntry* leases() const { return At<LeaseEntry>(kLeasesStart); }
  DataArea Data() const { return {data(), capacity_, header_.Seed()}; }
  RingMemory Memory() const {
    return {header_.id, producer(), reader(), control(), leases(), Data()};
  }
  // The reader's tail; 0 if that cannot be one.
  uint64_t TailOrZero() const;

 private:
  template <typename Fields>
  Fields* At(uint64_t start) const {
    return reinterpret_cast<Fields*>(base_ + start);
  }

  // What is to become of the file at the path.
  struct Plan {
    // It is the ring to go on with.
    bool taken = false;
    // The new ring's.
    uint64_t sequence = 1;
    // Rings that wait beside it.
    int set_aside = 0;
    // Where it is renamed to; empty: the new ring takes its place.
    char rename_to[kMaxPathBytes + 24] = {};
  };

  RingError OpenLocked(const ProducerOptions& options);
  RingError Lock(unsigned mode);
  // Deletes rings set aside that are drained, and counts the others.
  RingError VisitSetAside(Plan* plan);
  RingError TakeOver(const ProducerOptions& options, Plan* plan);
  RingError Make(const ProducerOptions& options, const Plan& plan);
  RingError Write(int fd, const ProducerOptions& options);
  RingError Map(int fd, uint64_t capacity);
  void Unmap();
  RingError Touch(int fd);
  bool HasUndrained() const;

  char path_[kMaxPathBytes] = {};
  int lock_fd_ = -1;
  int fd_ = -1;
  uint8_t* base_ = nullptr;
  uint64_t capacity_ = 0;
  RingHeader header_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_FILE_H_
