#include "tools/sluicectl/device_input.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/sluicectl/display_text.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

absl::StatusOr<std::string> TypeOf(const DeviceFlags& flags) {
  std::string type = flags.type;
  if (type.empty() && !flags.capabilities.empty()) type = "sensor";
  if (type.empty() && !flags.commands.empty()) type = "actuator";
  if (!flags.capabilities.empty() && type != "sensor") {
    return absl::InvalidArgumentError("--capability is for a sensor");
  }
  if (!flags.commands.empty() && type != "actuator") {
    return absl::InvalidArgumentError("--command is for an actuator");
  }
  return type;
}

absl::Status SetType(const std::string& type, const DeviceFlags& flags, v1::Device* device) {
  if (type == "sensor") {
    device->mutable_sensor();
    for (const std::string& text : flags.capabilities) {
      // The last colon: metrics may hold some, units do not.
      const size_t colon = text.rfind(':');
      auto* capability = device->mutable_sensor()->add_capabilities();
      capability->set_metric(text.substr(0, colon));
      if (colon != std::string::npos) capability->set_unit(text.substr(colon + 1));
    }
  } else if (type == "actuator") {
    device->mutable_actuator();
    for (const std::string& name : flags.commands) {
      device->mutable_actuator()->add_commands()->set_name(name);
    }
  } else if (type == "gateway") {
    device->mutable_gateway();
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("'", EscapeForDisplay(type), "' is none of sensor, actuator, gateway"));
  }
  return absl::OkStatus();
}

template <typename Map>
absl::Status AddEntries(const std::vector<std::string>& texts, Map* map) {
  for (const std::string& text : texts) {
    auto pair = ParseKeyValue(text);
    if (!pair.ok()) return pair.status();
    if (!map->insert({pair->first, pair->second}).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", EscapeForDisplay(pair->first), "' is given twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status SetProperties(const DeviceFlags& flags, v1::Device* device) {
  if (flags.enable && flags.disable) {
    return absl::InvalidArgumentError("a device is enabled or disabled, not both");
  }
  if (absl::Status status = AddEntries(flags.labels, device->mutable_labels()); !status.ok()) {
    return status;
  }
  if (absl::Status status = AddEntries(flags.metadata, device->mutable_metadata()); !status.ok()) {
    return status;
  }
  if (flags.has_firmware) device->set_firmware_version(flags.firmware);
  if (flags.enable || flags.disable) device->set_enabled(flags.enable);
  return absl::OkStatus();
}

template <typename Map>
absl::Status AddPaths(absl::string_view field, const Map& set,
                      const std::vector<std::string>& removed, google::protobuf::FieldMask* mask) {
  for (const auto& entry : set) mask->add_paths(absl::StrCat(field, ".", entry.first));
  for (const std::string& key : removed) {
    if (key.empty() || set.contains(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot remove '", EscapeForDisplay(key), "' of ", field,
                       key.empty() ? ": the key is empty" : ": it is set by the same command"));
    }
    mask->add_paths(absl::StrCat(field, ".", key));
  }
  return absl::OkStatus();
}

struct JsonObject {
  absl::string_view text;
  int line;
};

// Splits `text` into its outermost objects, whether they stand in an array or one after the other.
absl::StatusOr<std::vector<JsonObject>> SplitObjects(absl::string_view text) {
  std::vector<JsonObject> objects;
  int line = 1;
  int first_line = 1;
  int depth = 0;
  size_t begin = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (depth > 0 && c == '"') {
      in_text = true;
    } else if (c == '{') {
      if (depth++ == 0) begin = i, first_line = line;
    } else if (c == '}' && depth > 0) {
      if (--depth == 0) objects.push_back({text.substr(begin, i + 1 - begin), first_line});
    } else if (depth == 0 && !absl::ascii_isspace(c) && c != ',' && c != '[' && c != ']') {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line, ": a device must be a JSON object {…}"));
    }
  }
  if (depth > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", first_line, ": the JSON object that begins here has no end"));
  }
  return objects;
}

}  // namespace

absl::StatusOr<v1::Device> DeviceFromFlags(const std::string& id, const DeviceFlags& flags) {
  v1::Device device;
  device.set_id(id);
  auto type = TypeOf(flags);
  if (!type.ok()) return type.status();
  if (type->empty()) {
    return absl::InvalidArgumentError("--type is missing: sensor, actuator or gateway");
  }
  if (absl::Status status = SetType(*type, flags, &device); !status.ok()) return status;
  if (absl::Status status = SetProperties(flags, &device); !status.ok()) return status;
  return device;
}

absl::StatusOr<v1::UpdateDeviceRequest> UpdateFromFlags(const std::string& id,
                                                        const DeviceFlags& flags) {
  v1::UpdateDeviceRequest request;
  v1::Device* device = request.mutable_device();
  google::protobuf::FieldMask* mask = request.mutable_update_mask();
  device->set_id(id);
  auto type = TypeOf(flags);
  if (!type.ok()) return type.status();
  if (!type->empty()) {
    if (absl::Status status = SetType(*type, flags, device); !status.ok()) return status;
    mask->add_paths(*type);
  }
  if (absl::Status status = SetProperties(flags, device); !status.ok()) return status;
  if (flags.has_firmware) mask->add_paths("firmware_version");
  if (device->has_enabled()) mask->add_paths("enabled");
  absl::Status status = AddPaths("labels", device->labels(), flags.removed_labels, mask);
  if (!status.ok()) return status;
  status = AddPaths("metadata", device->metadata(), flags.removed_metadata, mask);
  if (!status.ok()) return status;
  if (mask->paths().empty()) {
    return absl::InvalidArgumentError("nothing to change: give at least one property");
  }
  return request;
}

absl::StatusOr<std::vector<v1::Device>> ParseDevices(absl::string_view text) {
  auto objects = SplitObjects(text);
  if (!objects.ok()) return objects.status();
  if (objects->empty()) return absl::InvalidArgumentError("there is no device in it");
  std::vector<v1::Device> devices;
  for (const JsonObject& object : *objects) {
    v1::Device device;
    const auto status =
        google::protobuf::util::JsonStringToMessage(std::string(object.text), &device);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", object.line, ": ", EscapeForDisplay(std::string(status.message()))));
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace sluice::sluicectl
