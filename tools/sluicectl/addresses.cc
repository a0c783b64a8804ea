#include "tools/sluicectl/addresses.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace sluice::sluicectl {
namespace {

const char* WellKnownAddress(ServiceName service) {
  switch (service) {
    case ServiceName::kIngress:
      return "127.0.0.1:7101";
    case ServiceName::kRegistry:
      return "127.0.0.1:7102";
    case ServiceName::kAnalytics:
      break;
  }
  return "127.0.0.1:7103";
}

const std::string& FlagOf(ServiceName service, const AddressOptions& options) {
  switch (service) {
    case ServiceName::kIngress:
      return options.ingress;
    case ServiceName::kRegistry:
      return options.registry;
    case ServiceName::kAnalytics:
      break;
  }
  return options.analytics;
}

bool IsDirectory(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

absl::StatusOr<std::string> ReadEndpoint(ServiceName service, const std::string& data_dir) {
  const std::string path = absl::StrCat(data_dir, "/", ToString(service), "/endpoints.json");
  std::ifstream file(path);
  if (!file) {
    return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno), " (is sluice-",
                                               ToString(service), " running?)"));
  }
  const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  google::protobuf::Struct endpoints;
  const bool parsed = google::protobuf::util::JsonStringToMessage(json, &endpoints).ok();
  const auto grpc = endpoints.fields().find("grpc");
  if (!parsed || grpc == endpoints.fields().end() || grpc->second.string_value().empty()) {
    return absl::UnavailableError(absl::StrCat(path, ": holds no address of gRPC"));
  }
  return grpc->second.string_value();
}

}  // namespace

const char* ToString(ServiceName service) {
  switch (service) {
    case ServiceName::kIngress:
      return "ingress";
    case ServiceName::kRegistry:
      return "registry";
    case ServiceName::kAnalytics:
      break;
  }
  return "analytics";
}

absl::StatusOr<std::string> ResolveAddress(ServiceName service, const AddressOptions& options,
                                           const std::string& default_data_dir) {
  if (const std::string& flag = FlagOf(service, options); !flag.empty()) return flag;
  if (!options.data_dir.empty()) return ReadEndpoint(service, options.data_dir);
  const bool no_flag =
      options.ingress.empty() && options.registry.empty() && options.analytics.empty();
  if (no_flag && IsDirectory(default_data_dir)) {
    auto address = ReadEndpoint(service, default_data_dir);
    if (address.ok()) return address;
  }
  return std::string(WellKnownAddress(service));
}

}  // namespace sluice::sluicectl
