#include "services/ingress/coap/content_format.h"

#include "absl/strings/str_cat.h"

namespace sluice::ingress {

std::string MediaType(absl::optional<uint16_t> content_format) {
  if (!content_format.has_value()) return "";
  switch (*content_format) {
    case kCoapFormatTextPlain:
      return "text/plain";
    case kCoapFormatLinkFormat:
      return "application/link-format";
    case 41:
      return "application/xml";
    case 42:
      return "application/octet-stream";
    case kCoapFormatJson:
      return "application/json";
    case 60:
      return "application/cbor";
    case 110:
      return "application/senml+json";
    case 112:
      return "application/senml+cbor";
    default:
      return absl::StrCat("application/x-coap-content-format-", *content_format);
  }
}

}  // namespace sluice::ingress
