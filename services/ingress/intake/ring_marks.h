#ifndef SLUICE_SERVICES_INGRESS_INTAKE_RING_MARKS_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_RING_MARKS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "services/ingress/intake/intake.h"

namespace sluice::ingress {

// How far each of intake's logs holds what stood in the rings of brokers. After a crash the rings
// show again what was read of them and not known to be durable; by these marks nothing of it is
// written down twice.
//
// Each log by itself, since after a power cut one may have lost more of its end than another. A log
// that lost records in its middle says nothing of what stands behind them: that may come twice.
class RingMarks {
 public:
  void Add(Receipt::Log log, const RingPosition& position);
  // The marks of this ring say nothing true: it is another one under the same id.
  void Forget(uint64_t ring_id);
  // Whether the log has it.
  bool Has(Receipt::Log log, const RingPosition& position) const;
  // How far the logs together have the ring; nothing if none has anything of it.
  absl::optional<uint64_t> Highest(uint64_t ring_id) const;

 private:
  static constexpr int kLogs = 4;  // values of Receipt::Log

  // The highest position by ring id, of each log. The ends of logs show few rings.
  absl::flat_hash_map<uint64_t, uint64_t> ends_[kLogs];
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_RING_MARKS_H_
