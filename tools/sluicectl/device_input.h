#ifndef SLUICE_TOOLS_SLUICECTL_DEVICE_INPUT_H_
#define SLUICE_TOOLS_SLUICECTL_DEVICE_INPUT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sluice/v1/device.pb.h"
#include "sluice/v1/registry_service.pb.h"
#include "tools/sluicectl/options.h"

// Devices as they stand in flags and files. Everything here fails with INVALID_ARGUMENT.
namespace sluice::sluicectl {

// The device to create. Its type must be given or follow from capabilities (a sensor) or commands
// (an actuator).
absl::StatusOr<v1::Device> DeviceFromFlags(const std::string& id, const DeviceFlags& flags);

// The request that changes exactly what the flags name. At least one must.
absl::StatusOr<v1::UpdateDeviceRequest> UpdateFromFlags(const std::string& id,
                                                        const DeviceFlags& flags);

// The devices in a file: JSON objects of Device one after the other (as `devices list --json`
// prints them), or a JSON array of such objects. An error names the line on which its object
// begins.
absl::StatusOr<std::vector<v1::Device>> ParseDevices(absl::string_view text);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_DEVICE_INPUT_H_
