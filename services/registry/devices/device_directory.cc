#include "services/registry/devices/device_directory.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/page/page_token.h"
#include "libs/status/field_violation.h"
#include "services/registry/devices/device_filter.h"
#include "services/registry/devices/device_rules.h"

namespace sluice::registry {
namespace {

constexpr int kMaxBatch = 1000;
// A page ends early at about this size: clients take 4 MiB by default.
constexpr size_t kPageBytes = 1 << 20;
constexpr int kRowsPerChunk = 256;
constexpr size_t kRequestsForgottenAtOnce = 16;

absl::Status NoDevice(absl::string_view id) {
  return absl::NotFoundError(absl::StrCat("no device '", id, "'"));
}

absl::Status ExistsAlready(absl::string_view id) {
  return absl::AlreadyExistsError(absl::StrCat("the device '", id, "' exists already"));
}

absl::Status CheckEtag(absl::string_view given, const v1::Device& device) {
  if (given.empty() || given == device.etag()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the device '", device.id(),
                                         "' has changed: its etag is '", device.etag(),
                                         "' now; read it anew"));
}

}  // namespace

class DeviceDirectory::Places {
 public:
  explicit Places(DeviceDirectory* directory) : directory_(directory) {}
  ~Places() {
    absl::MutexLock lock(&directory_->mutex_);
    directory_->places_taken_ -= taken_;
  }

  absl::Status TakeOne() {
    absl::MutexLock lock(&directory_->mutex_);
    if (directory_->places_taken_ >= directory_->max_devices_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("there are ", directory_->max_devices_, " devices (max_devices) already"));
    }
    ++directory_->places_taken_;
    ++taken_;
    return absl::OkStatus();
  }

  // The devices were created.
  void Keep() { taken_ = 0; }

 private:
  DeviceDirectory* const directory_;
  int64_t taken_ = 0;
};

DeviceDirectory::DeviceDirectory(RegistryState* state, CommandBook* commands, int64_t max_devices)
    : state_(state),
      commands_(commands),
      max_devices_(max_devices),
      places_taken_(state->table().size()) {}

absl::StatusOr<v1::Device> DeviceDirectory::Create(const v1::CreateDeviceRequest& request) {
  absl::Status status = ValidateDevice(request.device(), "device");
  if (!status.ok()) return status;
  if (!(status = ValidateRequestId(request.request_id())).ok()) return status;
  const std::string& id = request.device().id();
  if (request.request_id().empty()) {
    const auto hold = state_->locks().Lock({id});
    return CreateOnce(request, "");
  }
  const std::string key = RequestMemory::Key("CreateDevice", request.request_id());
  const auto hold = state_->locks().Lock({id, key});
  const auto earlier = state_->requests().Find(key, state_->clock().Now());
  if (!earlier.has_value()) return CreateOnce(request, key);
  if (earlier->fingerprint != Fingerprint(request.device())) {
    return InvalidField("request_id", "was used within the hour to create another device");
  }
  return Get(earlier->result_id);
}

absl::StatusOr<v1::Device> DeviceDirectory::CreateOnce(const v1::CreateDeviceRequest& request,
                                                       const std::string& request_key) {
  const std::string& id = request.device().id();
  if (state_->table().Contains(id)) return ExistsAlready(id);
  Places places(this);
  absl::Status status = places.TakeOne();
  if (!status.ok()) return status;
  const absl::Time now = state_->clock().Now();
  v1::Device device = NewDevice(request.device(), now);
  StoreChanges changes;
  if (!request_key.empty()) {
    changes.delete_requests = state_->requests().Expire(now, kRequestsForgottenAtOnce);
    changes.put_requests.push_back(
        {request_key, Fingerprint(request.device()), id, absl::ToUnixMicros(now)});
  }
  if (!(status = state_->Commit({device}, std::move(changes))).ok()) return status;
  places.Keep();
  return device;
}

absl::StatusOr<v1::BatchCreateDevicesResponse> DeviceDirectory::BatchCreate(
    const v1::BatchCreateDevicesRequest& request) {
  if (request.devices().empty()) return InvalidField("devices", "must not be empty");
  if (request.devices_size() > kMaxBatch) {
    return InvalidField("devices", absl::StrCat("has ", request.devices_size(),
                                                " entries; at most ", kMaxBatch, " are allowed"));
  }
  std::vector<absl::string_view> ids;
  for (const v1::Device& device : request.devices()) ids.push_back(device.id());
  const auto hold = state_->locks().Lock(ids);

  Places places(this);
  v1::BatchCreateDevicesResponse response;
  std::vector<v1::Device> created;
  absl::flat_hash_set<absl::string_view> created_ids;
  const absl::Time now = state_->clock().Now();
  for (int i = 0; i < request.devices_size(); ++i) {
    const v1::Device& requested = request.devices(i);
    absl::Status status = ValidateDevice(requested, absl::StrCat("devices[", i, "]"));
    if (status.ok() &&
        (state_->table().Contains(requested.id()) || created_ids.contains(requested.id()))) {
      status = ExistsAlready(requested.id());
    }
    if (status.ok()) status = places.TakeOne();
    v1::BatchCreateDevicesResult* result = response.add_results();
    if (status.ok()) {
      created.push_back(NewDevice(requested, now));
      created_ids.insert(requested.id());
      *result->mutable_device() = created.back();
    } else {
      result->set_code(static_cast<int>(status.code()));
      result->set_message(std::string(status.message()));
    }
  }
  const absl::Status status = state_->Commit(created, {});
  if (!status.ok()) return status;
  places.Keep();
  return response;
}

absl::StatusOr<v1::Device> DeviceDirectory::Get(absl::string_view device_id) const {
  const absl::Status status = ValidateId(device_id, "device_id");
  if (!status.ok()) return status;
  absl::optional<v1::Device> device = state_->table().Find(device_id);
  if (!device.has_value()) return NoDevice(device_id);
  return *std::move(device);
}

absl::StatusOr<v1::ListDevicesResponse> DeviceDirectory::List(
    const v1::ListDevicesRequest& request, const std::function<bool()>& cancelled) const {
  const absl::StatusOr<int> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  const auto filter = DeviceFilter::Parse(request.filter());
  if (!filter.ok()) return filter.status();
  const std::string context = absl::StrCat("ListDevices ", request.filter());
  absl::StatusOr<std::string> after = ParsePageToken(context, request.page_token());
  if (!after.ok()) return after.status();

  v1::ListDevicesResponse response;
  size_t bytes = 0;
  while (true) {
    if (cancelled()) return absl::CancelledError("the call was cancelled or its deadline passed");
    DeviceTable::Chunk chunk =
        state_->table().Scan(*after, kRowsPerChunk, [&](const DeviceTable::Flags& flags) {
          return filter->MatchesFlags(flags.type, flags.status, flags.enabled);
        });
    for (v1::Device& device : chunk.devices) {
      if (!filter->Matches(device)) continue;
      if (response.devices_size() == *page_size || bytes >= kPageBytes) {
        response.set_next_page_token(
            MakePageToken(context, response.devices(response.devices_size() - 1).id()));
        return response;
      }
      bytes += device.ByteSizeLong();
      *response.add_devices() = std::move(device);
    }
    if (chunk.at_end) return response;
    after = std::move(chunk.scanned_to);
  }
}

absl::StatusOr<v1::Device> DeviceDirectory::Update(const v1::UpdateDeviceRequest& request) {
  absl::Status status = ValidateId(request.device().id(), "device.id");
  if (!status.ok()) return status;
  const auto hold = state_->locks().Lock({request.device().id()});
  const absl::optional<v1::Device> current = state_->table().Find(request.device().id());
  if (!current.has_value()) return NoDevice(request.device().id());
  if (!(status = CheckEtag(request.device().etag(), *current)).ok()) return status;
  auto updated = ApplyUpdate(*current, request.device(), request.update_mask());
  if (!updated.ok()) return updated.status();
  if (Fingerprint(*updated) == Fingerprint(*current)) return *current;
  Touch(state_->clock().Now(), &*updated);
  const bool disabled = current->enabled() && !updated->enabled();
  status = disabled ? CommitAndCancel(updated->id(), "the device was disabled", {*updated}, {})
                    : state_->Commit({*updated}, {});
  if (!status.ok()) return status;
  return updated;
}

absl::Status DeviceDirectory::Delete(const v1::DeleteDeviceRequest& request) {
  absl::Status status = ValidateId(request.device_id(), "device_id");
  if (!status.ok()) return status;
  const auto hold = state_->locks().Lock({request.device_id()});
  const absl::optional<v1::Device> current = state_->table().Find(request.device_id());
  if (!current.has_value()) return NoDevice(request.device_id());
  if (!(status = CheckEtag(request.etag(), *current)).ok()) return status;
  StoreChanges changes;
  changes.delete_devices.push_back(request.device_id());
  status = CommitAndCancel(request.device_id(), "the device was deleted", {}, std::move(changes));
  if (!status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  --places_taken_;
  return absl::OkStatus();
}

absl::Status DeviceDirectory::CommitAndCancel(const std::string& device_id, absl::string_view why,
                                              const std::vector<v1::Device>& changed,
                                              StoreChanges changes) {
  const auto ids = commands_->CancelAll(device_id, why, &changes);
  if (!ids.ok()) return ids.status();
  const absl::Status status = state_->Commit(changed, std::move(changes));
  if (status.ok()) commands_->Cancelled(*ids);
  return status;
}

absl::StatusOr<v1::Device> DeviceDirectory::UpdateStatus(
    const v1::UpdateDeviceStatusRequest& request) {
  absl::Status status = ValidateId(request.device_id(), "device_id");
  if (!status.ok()) return status;
  if (!(status = ValidateStatus(request.status(), "status")).ok()) return status;
  status = ValidateStatusMessage(request.status_message(), "status_message");
  if (!status.ok()) return status;
  const auto hold = state_->locks().Lock({request.device_id()});
  absl::optional<v1::Device> device = state_->table().Find(request.device_id());
  if (!device.has_value()) return NoDevice(request.device_id());
  if (device->status() == request.status() &&
      device->status_message() == request.status_message()) {
    return *std::move(device);
  }
  device->set_status(request.status());
  device->set_status_message(request.status_message());
  Touch(state_->clock().Now(), &*device);
  if (!(status = state_->Commit({*device}, {})).ok()) return status;
  return *std::move(device);
}

}  // namespace sluice::registry
