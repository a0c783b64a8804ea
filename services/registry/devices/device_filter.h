#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_FILTER_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_FILTER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sluice/v1/device.pb.h"

namespace sluice::registry {

// The filter of ListDevices: terms joined by ` AND `, see ListDevicesRequest.filter. Immutable.
class DeviceFilter {
 public:
  // INVALID_ARGUMENT (field `filter`) names the byte at which it goes wrong and what should stand
  // there.
  static absl::StatusOr<DeviceFilter> Parse(absl::string_view text);

  // Whether a device of this type, status and enabled may match: all terms but those about labels.
  bool MatchesFlags(v1::Device::TypeCase type, v1::DeviceStatus status, bool enabled) const;

  // Whether it asks for labels, so that MatchesFlags alone does not decide.
  bool has_label_terms() const { return !labels_.empty(); }

  bool Matches(const v1::Device& device) const;

 private:
  friend class FilterParser;

  std::vector<v1::Device::TypeCase> types_;
  std::vector<v1::DeviceStatus> statuses_;
  std::vector<bool> enabled_;
  std::vector<std::pair<std::string, std::string>> labels_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_FILTER_H_
