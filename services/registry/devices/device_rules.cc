#include "services/registry/devices/device_rules.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <xxhash.h>

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/status/field_violation.h"

namespace sluice::registry {
namespace {

constexpr int kMaxFirmwareVersionBytes = 128;
constexpr int kMaxMapEntries = 64;
constexpr int kMaxMetadataKeyBytes = 128;
constexpr int kMaxMetadataValueBytes = 1024;
constexpr int kMaxLabelBytes = 63;
constexpr int kMaxListEntries = 256;
constexpr int kMaxMetricBytes = 256;
constexpr int kMaxUnitBytes = 32;
constexpr int kMaxDescriptionBytes = 1024;

absl::Status AtMost(absl::string_view text, int limit, absl::string_view field) {
  if (static_cast<int>(text.size()) <= limit) return absl::OkStatus();
  return InvalidField(
      field, absl::StrCat("is ", text.size(), " bytes long; at most ", limit, " are allowed"));
}

absl::Status AtMostEntries(int count, int limit, absl::string_view field) {
  if (count <= limit) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat("has ", count, " entries; at most ", limit, " are allowed"));
}

// As it stands in a path: a long key would make the message unreadable.
std::string Entry(absl::string_view path, absl::string_view map, absl::string_view key) {
  constexpr size_t kShown = 64;
  return absl::StrCat(path, ".", map, "[\"", absl::CHexEscape(key.substr(0, kShown)),
                      key.size() > kShown ? "…" : "", "\"]");
}

absl::Status ValidateLabelText(absl::string_view text, absl::string_view field,
                               absl::string_view what) {
  if (static_cast<int>(text.size()) > kMaxLabelBytes) {
    return InvalidField(field, absl::StrCat(what, " is ", text.size(), " bytes long; at most ",
                                            kMaxLabelBytes, " are allowed"));
  }
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::StrContains("._-/", absl::string_view(&c, 1))) {
      continue;
    }
    return InvalidField(field, absl::StrCat(what, " may hold A-Z a-z 0-9 . _ - / only, not '",
                                            absl::CHexEscape(absl::string_view(&c, 1)), "'"));
  }
  return absl::OkStatus();
}

absl::Status ValidateMaps(const v1::Device& device, absl::string_view path) {
  absl::Status status =
      AtMostEntries(device.metadata_size(), kMaxMapEntries, absl::StrCat(path, ".metadata"));
  if (!status.ok()) return status;
  for (const auto& [key, value] : device.metadata()) {
    const std::string field = Entry(path, "metadata", key);
    if (key.empty()) return InvalidField(field, "the key must not be empty");
    if (static_cast<int>(key.size()) > kMaxMetadataKeyBytes) {
      return InvalidField(field, absl::StrCat("the key is ", key.size(), " bytes long; at most ",
                                              kMaxMetadataKeyBytes, " are allowed"));
    }
    status = AtMost(value, kMaxMetadataValueBytes, field);
    if (!status.ok()) return status;
  }
  status = AtMostEntries(device.labels_size(), kMaxMapEntries, absl::StrCat(path, ".labels"));
  if (!status.ok()) return status;
  for (const auto& [key, value] : device.labels()) {
    const std::string field = Entry(path, "labels", key);
    if (key.empty()) return InvalidField(field, "the key must not be empty");
    status = ValidateLabelText(key, field, "the key");
    if (!status.ok()) return status;
    status = ValidateLabelText(value, field, "the value");
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ValidateSensor(const v1::Sensor& sensor, absl::string_view path) {
  const std::string list = absl::StrCat(path, ".sensor.capabilities");
  absl::Status status = AtMostEntries(sensor.capabilities_size(), kMaxListEntries, list);
  if (!status.ok()) return status;
  absl::flat_hash_set<absl::string_view> metrics;
  for (int i = 0; i < sensor.capabilities_size(); ++i) {
    const v1::Capability& capability = sensor.capabilities(i);
    const std::string entry = absl::StrCat(list, "[", i, "]");
    const std::string metric = absl::StrCat(entry, ".metric");
    if (capability.metric().empty()) return InvalidField(metric, "must not be empty");
    if (!(status = AtMost(capability.metric(), kMaxMetricBytes, metric)).ok()) return status;
    status = AtMost(capability.unit(), kMaxUnitBytes, absl::StrCat(entry, ".unit"));
    if (!status.ok()) return status;
    status =
        AtMost(capability.description(), kMaxDescriptionBytes, absl::StrCat(entry, ".description"));
    if (!status.ok()) return status;
    if (!metrics.insert(capability.metric()).second) {
      return InvalidField(metric, absl::StrCat("'", capability.metric(), "' stands there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateActuator(const v1::Actuator& actuator, absl::string_view path) {
  const std::string list = absl::StrCat(path, ".actuator.commands");
  absl::Status status = AtMostEntries(actuator.commands_size(), kMaxListEntries, list);
  if (!status.ok()) return status;
  absl::flat_hash_set<absl::string_view> names;
  for (int i = 0; i < actuator.commands_size(); ++i) {
    const v1::CommandSpec& command = actuator.commands(i);
    const std::string entry = absl::StrCat(list, "[", i, "]");
    const std::string name = absl::StrCat(entry, ".name");
    if (!(status = ValidateId(command.name(), name)).ok()) return status;
    status =
        AtMost(command.description(), kMaxDescriptionBytes, absl::StrCat(entry, ".description"));
    if (!status.ok()) return status;
    if (!names.insert(command.name()).second) {
      return InvalidField(name, absl::StrCat("'", command.name(), "' stands there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateType(const v1::Device& device, absl::string_view path) {
  switch (device.type_case()) {
    case v1::Device::kSensor:
      return ValidateSensor(device.sensor(), path);
    case v1::Device::kActuator:
      return ValidateActuator(device.actuator(), path);
    case v1::Device::kGateway:
      return absl::OkStatus();
    case v1::Device::TYPE_NOT_SET:
      break;
  }
  return InvalidField(absl::StrCat(path, ".type"), "must be one of sensor, actuator, gateway");
}

void CopyType(const v1::Device& from, v1::Device* to) {
  switch (from.type_case()) {
    case v1::Device::kSensor:
      *to->mutable_sensor() = from.sensor();
      break;
    case v1::Device::kActuator:
      *to->mutable_actuator() = from.actuator();
      break;
    case v1::Device::kGateway:
      *to->mutable_gateway() = from.gateway();
      break;
    case v1::Device::TYPE_NOT_SET:
      break;
  }
}

template <typename Map>
void CopyEntry(const std::string& key, const Map& from, Map* to) {
  const auto found = from.find(key);
  if (found == from.end()) {
    to->erase(key);
  } else {
    (*to)[key] = found->second;
  }
}

// One path of an update mask.
absl::Status ApplyPath(absl::string_view path, const v1::Device& requested, absl::string_view field,
                       v1::Device* device) {
  if (path == "sensor" || path == "actuator" || path == "gateway") {
    const bool given = (path == "sensor" && requested.has_sensor()) ||
                       (path == "actuator" && requested.has_actuator()) ||
                       (path == "gateway" && requested.has_gateway());
    if (!given) {
      return InvalidField(field, absl::StrCat("names '", path, "', which device does not set"));
    }
    CopyType(requested, device);
  } else if (path == "firmware_version") {
    device->set_firmware_version(requested.firmware_version());
  } else if (path == "enabled") {
    if (!requested.has_enabled()) {
      return InvalidField(field, "names 'enabled', which device does not set");
    }
    device->set_enabled(requested.enabled());
  } else if (path == "metadata") {
    *device->mutable_metadata() = requested.metadata();
  } else if (path == "labels") {
    *device->mutable_labels() = requested.labels();
  } else if (absl::StartsWith(path, "metadata.") && path.size() > 9) {
    CopyEntry(std::string(path.substr(9)), requested.metadata(), device->mutable_metadata());
  } else if (absl::StartsWith(path, "labels.") && path.size() > 7) {
    CopyEntry(std::string(path.substr(7)), requested.labels(), device->mutable_labels());
  } else {
    return InvalidField(
        field, absl::StrCat("'", path.substr(0, 64),
                            "' is none of sensor, actuator, gateway, firmware_version, metadata, "
                            "metadata.KEY, enabled, labels, labels.KEY"));
  }
  return absl::OkStatus();
}

void ApplyEverythingSet(const v1::Device& requested, v1::Device* device) {
  CopyType(requested, device);
  if (!requested.firmware_version().empty()) {
    device->set_firmware_version(requested.firmware_version());
  }
  if (requested.has_enabled()) device->set_enabled(requested.enabled());
  if (requested.metadata_size() > 0) *device->mutable_metadata() = requested.metadata();
  if (requested.labels_size() > 0) *device->mutable_labels() = requested.labels();
}

}  // namespace

absl::Status ValidateDevice(const v1::Device& device, absl::string_view path) {
  absl::Status status = ValidateId(device.id(), absl::StrCat(path, ".id"));
  if (!status.ok()) return status;
  if (!(status = ValidateType(device, path)).ok()) return status;
  status = AtMost(device.firmware_version(), kMaxFirmwareVersionBytes,
                  absl::StrCat(path, ".firmware_version"));
  if (!status.ok()) return status;
  return ValidateMaps(device, path);
}

absl::Status ValidateStatus(v1::DeviceStatus status, absl::string_view path) {
  if (status == v1::DEVICE_STATUS_UNSPECIFIED) {
    return InvalidField(path, "must not be UNSPECIFIED");
  }
  if (!v1::DeviceStatus_IsValid(status)) {
    return InvalidField(path, absl::StrCat(static_cast<int>(status), " is no status"));
  }
  return absl::OkStatus();
}

absl::Status ValidateStatusMessage(absl::string_view message, absl::string_view path) {
  return AtMost(message, kMaxStatusMessageBytes, path);
}

absl::Status ValidateRequestId(absl::string_view request_id) {
  return AtMost(request_id, kMaxRequestIdBytes, "request_id");
}

v1::Device NewDevice(const v1::Device& requested, absl::Time now) {
  v1::Device device;
  device.set_id(requested.id());
  CopyType(requested, &device);
  device.set_firmware_version(requested.firmware_version());
  *device.mutable_metadata() = requested.metadata();
  *device.mutable_labels() = requested.labels();
  device.set_enabled(!requested.has_enabled() || requested.enabled());
  device.set_status(v1::DEVICE_STATUS_UNKNOWN);
  Touch(now, &device);
  *device.mutable_create_time() = device.update_time();
  return device;
}

absl::StatusOr<v1::Device> ApplyUpdate(const v1::Device& current, const v1::Device& requested,
                                       const google::protobuf::FieldMask& mask) {
  v1::Device device = current;
  for (int i = 0; i < mask.paths_size(); ++i) {
    const absl::Status status =
        ApplyPath(mask.paths(i), requested, absl::StrCat("update_mask.paths[", i, "]"), &device);
    if (!status.ok()) return status;
  }
  if (mask.paths_size() == 0) ApplyEverythingSet(requested, &device);
  const absl::Status status = ValidateDevice(device, "device");
  if (!status.ok()) return status;
  return device;
}

void Touch(absl::Time now, v1::Device* device) {
  int64_t us = absl::ToUnixMicros(now);
  if (device->has_update_time()) us = std::max(us, ToMicros(device->update_time()) + 1);
  SetMicros(us, device->mutable_update_time());
  device->set_etag(EtagOf(*device));
}

std::string EtagOf(const v1::Device& device) {
  return absl::StrCat(absl::Hex(ToMicros(device.update_time())));
}

uint64_t Fingerprint(const v1::Device& requested) {
  const v1::Device device = NewDevice(requested, absl::UnixEpoch());
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    device.SerializeToCodedStream(&out);
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

int64_t ToMicros(const google::protobuf::Timestamp& timestamp) {
  return timestamp.seconds() * 1'000'000 + timestamp.nanos() / 1'000;
}

void SetMicros(int64_t us, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(us / 1'000'000);
  timestamp->set_nanos(static_cast<int32_t>(us % 1'000'000 * 1'000));
}

}  // namespace sluice::registry
