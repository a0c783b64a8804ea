#include "services/ingress/coap/resource_path.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::ingress {

bool CoapResource::Allows(CoapMethod method) const {
  return method == (kind == Kind::kWellKnownCore ? CoapMethod::kGet : CoapMethod::kPost);
}

CoapResource ParseResourcePath(absl::Span<const absl::string_view> segments) {
  CoapResource resource;
  if (segments.size() == 2 && segments[0] == ".well-known" && segments[1] == "core") {
    resource.kind = CoapResource::Kind::kWellKnownCore;
    return resource;
  }
  if (segments.size() < 3 || segments[0] != "devices") return resource;
  if (segments.size() == 3 && segments[2] == "telemetry") {
    resource.kind = CoapResource::Kind::kTelemetry;
  } else if (segments.size() == 3 && segments[2] == "status") {
    resource.kind = CoapResource::Kind::kStatus;
  } else if (segments.size() == 5 && segments[2] == "commands" && segments[4] == "response") {
    resource.kind = CoapResource::Kind::kCommandResponse;
    resource.command_id = segments[3];
  } else {
    return resource;
  }
  resource.device_id = segments[1];
  return resource;
}

std::string FormatPath(absl::Span<const absl::string_view> segments) {
  std::string path;
  for (absl::string_view segment : segments) {
    path += '/';
    for (const char c : segment) {
      if (absl::ascii_isalnum(c) ||
          absl::string_view("-._~!$&'()*+,;=:@").find(c) != absl::string_view::npos) {
        path += c;
      } else {
        absl::StrAppend(&path, "%", absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad2));
      }
    }
  }
  return path.empty() ? "/" : path;
}

absl::string_view ResourceListing() {
  return "</devices/%7Bid%7D/telemetry>;rt=\"sluice.telemetry\";ct=\"50 0\";"
         "title=\"POST readings\","
         "</devices/%7Bid%7D/status>;rt=\"sluice.status\";ct=\"50 0\";"
         "title=\"POST the device's own status\","
         "</devices/%7Bid%7D/commands/%7Bcommand_id%7D/response>;rt=\"sluice.command-response\";"
         "ct=\"50 0\";title=\"POST the answer to a command\"";
}

}  // namespace sluice::ingress
