#ifndef SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_DIRECTORY_H_
#define SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_DIRECTORY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "services/registry/commands/command_book.h"
#include "services/registry/devices/registry_state.h"
#include "sluice/v1/registry_service.pb.h"

namespace sluice::registry {

// Creates, shows, changes and deletes devices as sluice.v1.RegistryService promises; requests come
// as the client sent them and are validated here. Thread-safe. Errors as in the proto, beside those
// of RegistryStore.
class DeviceDirectory {
 public:
  // `state` and `commands` (whose devices it deletes and disables) must outlive it. `max_devices`:
  // see RegistryConfig.
  DeviceDirectory(RegistryState* state, CommandBook* commands, int64_t max_devices);

  absl::StatusOr<v1::Device> Create(const v1::CreateDeviceRequest& request);
  absl::StatusOr<v1::BatchCreateDevicesResponse> BatchCreate(
      const v1::BatchCreateDevicesRequest& request);
  absl::StatusOr<v1::Device> Get(absl::string_view device_id) const;
  // `cancelled` is asked now and then: a list of many devices by label takes its time.
  absl::StatusOr<v1::ListDevicesResponse> List(const v1::ListDevicesRequest& request,
                                               const std::function<bool()>& cancelled) const;
  absl::StatusOr<v1::Device> Update(const v1::UpdateDeviceRequest& request);
  absl::Status Delete(const v1::DeleteDeviceRequest& request);
  absl::StatusOr<v1::Device> UpdateStatus(const v1::UpdateDeviceStatusRequest& request);

 private:
  // Places for new devices below max_devices, given back if they were not created.
  class Places;

  absl::StatusOr<v1::Device> CreateOnce(const v1::CreateDeviceRequest& request,
                                        const std::string& request_key);

  // Commits `changed` and `changes`, and that the device's unfinished commands end CANCELLED.
  absl::Status CommitAndCancel(const std::string& device_id, absl::string_view why,
                               const std::vector<v1::Device>& changed, StoreChanges changes);

  RegistryState* const state_;
  CommandBook* const commands_;
  const int64_t max_devices_;
  absl::Mutex mutex_;
  // Devices that are there, and those that are being created.
  int64_t places_taken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_DEVICES_DEVICE_DIRECTORY_H_
