#ifndef SLUICE_SERVICES_INGRESS_COAP_RESOURCE_PATH_H_
#define SLUICE_SERVICES_INGRESS_COAP_RESOURCE_PATH_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/ingress/coap/coap_message.h"

namespace sluice::ingress {

// What a path names.
struct CoapResource {
  enum class Kind {
    kUnknown,
    kWellKnownCore,    // /.well-known/core
    kTelemetry,        // /devices/{id}/telemetry
    kStatus,           // /devices/{id}/status
    kCommandResponse,  // /devices/{id}/commands/{command_id}/response
  };
  Kind kind = Kind::kUnknown;
  // As they stood in the path, legal or not; views of the segments.
  absl::string_view device_id;
  absl::string_view command_id;

  // GET for the listing, POST for the others.
  bool Allows(CoapMethod method) const;
};

// `segments` are the Uri-Path options.
CoapResource ParseResourcePath(absl::Span<const absl::string_view> segments);

// The path as one writes it: `/devices/pump-7/telemetry`; what a segment may not contain is
// percent-encoded, so no two paths look the same.
std::string FormatPath(absl::Span<const absl::string_view> segments);

// What /.well-known/core says: the resources in the CoRE link format (RFC 6690), less than 1 KiB.
// Targets are templates: `{id}` is written %7Bid%7D, as a link may not contain braces.
absl::string_view ResourceListing();

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_RESOURCE_PATH_H_
