#ifndef SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_CALLS_H_
#define SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_CALLS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sluice/v1/command_service.pb.h"
#include "sluice/v1/registry_service.pb.h"

namespace sluice::ingress {

// The calls that tell the registry something. Each waits for the answer, for a bounded time; errors
// are the registry's own, or UNAVAILABLE and DEADLINE_EXCEEDED when it could not be asked.
class RegistryCalls {
 public:
  virtual ~RegistryCalls() = default;

  virtual absl::StatusOr<v1::BatchCreateDevicesResponse> BatchCreateDevices(
      const v1::BatchCreateDevicesRequest& request) = 0;
  virtual absl::StatusOr<v1::ReportPresenceResponse> ReportPresence(
      const v1::ReportPresenceRequest& request) = 0;
  virtual absl::Status ReportCommandResult(const v1::ReportCommandResultRequest& request) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_CALLS_H_
