#ifndef SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_FILTER_H_
#define SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_FILTER_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// Which telemetry a subscriber wants (sluice.v1.TelemetryFilter). Immutable.
class TelemetryFilter {
 public:
  // INVALID_ARGUMENT names the field: too many entries, an illegal id or name.
  static absl::StatusOr<TelemetryFilter> Create(const v1::TelemetryFilter& filter);

  // Whether all telemetry matches.
  bool matches_all() const { return device_ids_.empty() && metrics_.empty(); }
  bool Matches(const v1::Telemetry& telemetry) const;

 private:
  absl::flat_hash_set<std::string> device_ids_;
  absl::flat_hash_set<std::string> metrics_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TELEMETRY_TELEMETRY_FILTER_H_
