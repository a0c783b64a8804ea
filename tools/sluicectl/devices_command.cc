#include "tools/sluicectl/devices_command.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/registry_service.grpc.pb.h"
#include "tools/sluicectl/device_input.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/pages.h"
#include "tools/sluicectl/time_format.h"

namespace sluice::sluicectl {
namespace {

using Stub = v1::RegistryService::StubInterface;

// What one BatchCreateDevices takes: fewer than the service allows, and well under 4 MiB.
constexpr int kMaxBatchDevices = 500;
constexpr size_t kMaxBatchBytes = 1 << 20;

std::string TypeName(const v1::Device& device) {
  switch (device.type_case()) {
    case v1::Device::kSensor:
      return "sensor";
    case v1::Device::kActuator:
      return "actuator";
    case v1::Device::kGateway:
      return "gateway";
    case v1::Device::TYPE_NOT_SET:
      break;
  }
  return "-";
}

Cell StatusCell(const v1::Device& device) {
  const std::string name = v1::DeviceStatus_Name(device.status());
  const std::string text(absl::StripPrefix(name, "DEVICE_STATUS_"));
  switch (device.status()) {
    case v1::DEVICE_STATUS_ONLINE:
      return Cell(text, Tone::kGood);
    case v1::DEVICE_STATUS_ERROR:
      return Cell(text, Tone::kBad);
    case v1::DEVICE_STATUS_OFFLINE:
    case v1::DEVICE_STATUS_MAINTENANCE:
      return Cell(text, Tone::kWarning);
    default:
      return Cell(text, Tone::kFaint);
  }
}

// `key=value` pairs in order of their keys.
template <typename Map>
std::string Entries(const Map& map, const char* separator) {
  std::vector<std::string> entries;
  for (const auto& [key, value] : map) entries.push_back(absl::StrCat(key, "=", value));
  std::sort(entries.begin(), entries.end());
  return absl::StrJoin(entries, separator);
}

std::string Abilities(const v1::Device& device) {
  std::vector<std::string> texts;
  for (const auto& capability : device.sensor().capabilities()) {
    texts.push_back(capability.unit().empty()
                        ? capability.metric()
                        : absl::StrCat(capability.metric(), " (", capability.unit(), ")"));
  }
  for (const auto& command : device.actuator().commands()) texts.push_back(command.name());
  return absl::StrJoin(texts, ", ");
}

void ShowDevice(const Console& console, const v1::Device& device) {
  if (console.json) {
    WriteJson(console, device);
    return;
  }
  Cell status = StatusCell(device);
  if (!device.status_message().empty()) {
    absl::StrAppend(&status.text, ": ", device.status_message());
  }
  const auto time = [&](bool there, const google::protobuf::Timestamp& value) {
    return there ? TimeAndAge(console, FromProto(value)) : std::string();
  };
  WriteFields(console, {{"id", device.id()},
                        {"type", TypeName(device)},
                        {device.has_actuator() ? "commands" : "measures", Abilities(device)},
                        {"status", status},
                        {"last seen", device.has_last_seen() ? time(true, device.last_seen())
                                                             : std::string("never")},
                        {"enabled", device.enabled() ? Cell("yes") : Cell("no", Tone::kWarning)},
                        {"firmware", device.firmware_version()},
                        {"labels", Entries(device.labels(), ", ")},
                        {"metadata", Entries(device.metadata(), ", ")},
                        {"created", time(device.has_create_time(), device.create_time())},
                        {"updated", time(device.has_update_time(), device.update_time())},
                        {"etag", device.etag()}});
}

// What an absent id or a failed call leads to is the same for all commands on one device.
int ShowResult(const Session& session, const char* command,
               const absl::StatusOr<v1::Device>& device) {
  if (!device.ok()) return ReportServiceError(*session.console, command, device.status());
  ShowDevice(*session.console, *device);
  return kExitOk;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read"));
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read"));
  return text;
}

// Sends one batch, shows what became of each device and returns how many failed.
absl::StatusOr<int> CreateBatch(const Session& session, const Endpoint& registry, Stub& stub,
                                const v1::BatchCreateDevicesRequest& request) {
  const Console& console = *session.console;
  auto response = Call(registry, stub, &Stub::BatchCreateDevices, request);
  if (!response.ok()) return response.status();
  if (response->results_size() != request.devices_size()) {
    return absl::InternalError("the service did not answer for each device");
  }
  int failed = 0;
  for (int i = 0; i < request.devices_size(); ++i) {
    const v1::BatchCreateDevicesResult& result = response->results(i);
    if (console.json) WriteJson(console, result);
    if (result.code() == 0) continue;
    ++failed;
    WriteNote(console, "devices create",
              absl::StrCat("device '", request.devices(i).id(), "': ", CodeName(result.code()),
                           ": ", result.message()));
  }
  return failed;
}

int CreateFromFile(const Session& session, const std::string& path) {
  constexpr char kCommand[] = "devices create";
  const Console& console = *session.console;
  const auto text = ReadText(path);
  if (!text.ok()) return ReportUsageError(console, kCommand, text.status());
  auto devices = ParseDevices(*text);
  if (!devices.ok()) {
    return ReportUsageError(
        console, kCommand,
        absl::InvalidArgumentError(absl::StrCat(path, ": ", devices.status().message())));
  }
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(console, kCommand, registry.status());
  const auto stub = v1::RegistryService::NewStub(registry->channel);
  size_t sent = 0;
  size_t failed = 0;
  while (sent < devices->size()) {
    v1::BatchCreateDevicesRequest request;
    size_t bytes = 0;
    do {
      bytes += (*devices)[sent].ByteSizeLong();
      *request.add_devices() = std::move((*devices)[sent++]);
    } while (sent < devices->size() && request.devices_size() < kMaxBatchDevices &&
             bytes + (*devices)[sent].ByteSizeLong() <= kMaxBatchBytes);
    const auto refused = CreateBatch(session, *registry, *stub, request);
    if (!refused.ok()) {
      const size_t created = sent - request.devices_size() - failed;
      WriteNote(console, kCommand,
                absl::StrCat("stopped after ", created, " created and ", failed, " refused"));
      return ReportServiceError(console, kCommand, refused.status());
    }
    failed += *refused;
  }
  if (!console.json) *console.out << sent - failed << " created, " << failed << " refused\n";
  return failed == 0 ? kExitOk : kExitRefused;
}

}  // namespace

int Run(const Session& session, const DevicesListOptions& options) {
  constexpr char kCommand[] = "devices list";
  const Console& console = *session.console;
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(console, kCommand, registry.status());
  const auto stub = v1::RegistryService::NewStub(registry->channel);
  Table table({{"ID"}, {"TYPE"}, {"STATUS"}, {"LAST SEEN"}, {"ENABLED"}, {"FIRMWARE"}, {"LABELS"}});
  const auto fetch = [&](int32_t page_size,
                         const std::string& token) -> absl::StatusOr<std::string> {
    v1::ListDevicesRequest request;
    request.set_filter(options.filter);
    request.set_page_size(page_size);
    request.set_page_token(token);
    const auto page = Call<Stub>(*registry, *stub, &Stub::ListDevices, request);
    if (!page.ok()) return page.status();
    for (const v1::Device& device : page->devices()) {
      if (console.json) {
        WriteJson(console, device);
        continue;
      }
      table.Add({device.id(), TypeName(device), StatusCell(device),
                 device.has_last_seen() ? AgeCell(console, FromProto(device.last_seen()))
                                        : Cell("never", Tone::kFaint),
                 device.enabled() ? Cell("yes") : Cell("no", Tone::kWarning),
                 device.firmware_version(), Entries(device.labels(), ",")});
    }
    return page->next_page_token();
  };
  const auto next = FetchPages(options.page, fetch);
  if (!console.json && next.ok()) WriteTable(console, table, "no devices");
  if (!next.ok()) return ReportServiceError(console, kCommand, next.status());
  return ReportNextPage(console, kCommand, *next);
}

int Run(const Session& session, const DevicesGetOptions& options) {
  constexpr char kCommand[] = "devices get";
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(*session.console, kCommand, registry.status());
  const auto stub = v1::RegistryService::NewStub(registry->channel);
  v1::GetDeviceRequest request;
  request.set_device_id(options.id);
  return ShowResult(session, kCommand, Call<Stub>(*registry, *stub, &Stub::GetDevice, request));
}

int Run(const Session& session, const DevicesCreateOptions& options) {
  constexpr char kCommand[] = "devices create";
  if (!options.from_file.empty()) return CreateFromFile(session, options.from_file);
  const auto device = DeviceFromFlags(options.id, options.flags);
  if (!device.ok()) return ReportUsageError(*session.console, kCommand, device.status());
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(*session.console, kCommand, registry.status());
  const auto stub = v1::RegistryService::NewStub(registry->channel);
  v1::CreateDeviceRequest request;
  *request.mutable_device() = *device;
  request.set_request_id(options.request_id);
  return ShowResult(session, kCommand, Call<Stub>(*registry, *stub, &Stub::CreateDevice, request));
}

int Run(const Session& session, const DevicesUpdateOptions& options) {
  constexpr char kCommand[] = "devices update";
  auto request = UpdateFromFlags(options.id, options.flags);
  if (!request.ok()) return ReportUsageError(*session.console, kCommand, request.status());
  request->mutable_device()->set_etag(options.etag);
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(*session.console, kCommand, registry.status());
  const auto stub = v1::RegistryService::NewStub(registry->channel);
  return ShowResult(session, kCommand, Call<Stub>(*registry, *stub, &Stub::UpdateDevice, *request));
}

int Run(const Session& session, const DevicesDeleteOptions& options) {
  constexpr char kCommand[] = "devices delete";
  const Console& console = *session.console;
  const auto registry = FindEndpoint(session, ServiceName::kRegistry);
  if (!registry.ok()) return ReportServiceError(console, kCommand, registry.status());
  const auto stub = v1::RegistryService::NewStub(registry->channel);
  v1::DeleteDeviceRequest request;
  request.set_device_id(options.id);
  request.set_etag(options.etag);
  const auto deleted = Call<Stub>(*registry, *stub, &Stub::DeleteDevice, request);
  if (!deleted.ok()) return ReportServiceError(console, kCommand, deleted.status());
  if (console.json) {
    WriteJson(console, *deleted);
  } else {
    *console.out << "deleted\n";
  }
  return kExitOk;
}

}  // namespace sluice::sluicectl
