#ifndef SLUICE_TOOLS_SLUICECTL_ADDRESSES_H_
#define SLUICE_TOOLS_SLUICECTL_ADDRESSES_H_

#include <string>

#include "absl/status/statusor.h"
#include "tools/sluicectl/options.h"

namespace sluice::sluicectl {

enum class ServiceName { kIngress, kRegistry, kAnalytics };

// ingress, registry, analytics
const char* ToString(ServiceName service);

// Where a service is, in this order: its own address flag; the endpoints.json that the service
// wrote to the data directory, if --data-dir names one (UNAVAILABLE if it is not there or holds no
// address); the same below `default_data_dir`, if that is there and no address flag was given at
// all; the service's well-known port on this machine.
absl::StatusOr<std::string> ResolveAddress(ServiceName service, const AddressOptions& options,
                                           const std::string& default_data_dir = ".sluice");

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_ADDRESSES_H_
