#ifndef SLUICE_LIBS_RING_MAPPED_RING_H_
#define SLUICE_LIBS_RING_MAPPED_RING_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/ring/lease_table.h"
#include "libs/ring/record_format.h"
#include "libs/ring/ring_cursor.h"

namespace sluice::ring {

// A ring's file as the reader maps it: the data cannot be written through it. Makes, renames and
// deletes nothing.
class MappedRing {
 public:
  // Maps the file at `path`. The ring is closed if it was `set_aside` or is of another boot than
  // `boot`. NOT_FOUND; FAILED_PRECONDITION if it is no ring or of a version that cannot be read;
  // DATA_LOSS if its header is damaged.
  static absl::StatusOr<std::unique_ptr<MappedRing>> Open(const std::string& path, uint64_t boot,
                                                          bool set_aside);
  MappedRing(const MappedRing&) = delete;
  MappedRing& operator=(const MappedRing&) = delete;
  ~MappedRing();

  RingCursor& cursor() { return *cursor_; }
  const RingCursor& cursor() const { return *cursor_; }
  LeaseTable& leases() { return leases_; }
  const RingHeader& header() const { return header_; }
  // Whether it is the file with this device and inode.
  bool Is(dev_t device, ino_t inode) const { return device == device_ && inode == inode_; }

 private:
  MappedRing() = default;
  absl::Status Map(int fd, const std::string& path, uint64_t boot, bool set_aside);

  RingHeader header_;
  uint8_t* fields_ = nullptr;
  uint8_t* data_ = nullptr;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::unique_ptr<RingCursor> cursor_;
  LeaseTable leases_;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_MAPPED_RING_H_
