#ifndef SLUICE_SERVICES_INGRESS_COAP_CONTENT_FORMAT_H_
#define SLUICE_SERVICES_INGRESS_COAP_CONTENT_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/types/optional.h"

namespace sluice::ingress {

inline constexpr uint16_t kCoapFormatTextPlain = 0;
inline constexpr uint16_t kCoapFormatLinkFormat = 40;
inline constexpr uint16_t kCoapFormatJson = 50;

// The media type of a Content-Format number; empty for none. A number that is not known here
// becomes `application/x-coap-content-format-NUMBER`, so whoever decodes refuses it by name.
std::string MediaType(absl::optional<uint16_t> content_format);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_CONTENT_FORMAT_H_
