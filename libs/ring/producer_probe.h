#ifndef SLUICE_LIBS_RING_PRODUCER_PROBE_H_
#define SLUICE_LIBS_RING_PRODUCER_PROBE_H_

#include <string>

namespace sluice::ring {

// Whether a producer has the ring at `path` open now: asks for its lock, for a moment. False also if
// that cannot be known, as without the permission to open the lock's file.
bool HasProducer(const std::string& path);

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_PRODUCER_PROBE_H_
