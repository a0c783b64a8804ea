#ifndef SLUICE_TOOLS_FLEETSIM_FLEET_H_
#define SLUICE_TOOLS_FLEETSIM_FLEET_H_

#include <cstdint>

namespace sluice::fleetsim {

// Devices of one protocol, numbered from 0, all on the thread that runs the event loop.
class Fleet {
 public:
  virtual ~Fleet() = default;

  virtual int size() const = 0;
  // Devices that could send now.
  virtual int ready() const = 0;
  // Messages that wait for their acknowledgement.
  virtual int64_t unacknowledged() const = 0;

  // Lets a device send its next message; false if it is not connected or its window is full.
  virtual bool TrySend(int device, int64_t now_us) = 0;
  // Lets every device send as much as it may. For a run without a rate.
  virtual void SendAll(int64_t now_us) = 0;
  // Reconnects, retransmits, pings: to be called about every 20 ms.
  virtual void Tick(int64_t now_us) = 0;
  // Hands to the kernel what was written since the last time.
  virtual void Flush(int64_t now_us) = 0;
  // Says good-bye; true once all have. To be called until then, between polls of the loop.
  virtual bool Leave(int64_t now_us) = 0;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_FLEET_H_
