#ifndef SLUICE_SERVICES_INGRESS_COAP_RESPONSE_CODE_H_
#define SLUICE_SERVICES_INGRESS_COAP_RESPONSE_CODE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice::ingress {

// Response codes as on the wire: class * 32 + detail.
enum class CoapCode : uint8_t {
  kChanged = 2 * 32 + 4,
  kContent = 2 * 32 + 5,
  kContinue = 2 * 32 + 31,
  kBadRequest = 4 * 32 + 0,
  kUnauthorized = 4 * 32 + 1,
  kBadOption = 4 * 32 + 2,
  kForbidden = 4 * 32 + 3,
  kNotFound = 4 * 32 + 4,
  kMethodNotAllowed = 4 * 32 + 5,
  kNotAcceptable = 4 * 32 + 6,
  kRequestEntityIncomplete = 4 * 32 + 8,
  kRequestEntityTooLarge = 4 * 32 + 13,
  kUnsupportedContentFormat = 4 * 32 + 15,
  kTooManyRequests = 4 * 32 + 29,  // RFC 8516
  kInternalError = 5 * 32 + 0,
  kServiceUnavailable = 5 * 32 + 3,
};

// 2, 4 or 5.
constexpr int CodeClass(CoapCode code) { return static_cast<int>(code) / 32; }

// What the sender is told of a message that was taken in (OK: 2.04) or refused.
CoapCode ResponseCodeOf(const absl::Status& status);

// Whether a No-Response option (RFC 7967) with this value asks for silence about such a code.
bool IsSuppressed(uint8_t no_response, CoapCode code);

// The text as a diagnostic payload: at most kMaxDiagnosticBytes, whole UTF-8 characters only.
std::string Diagnostic(absl::string_view text);
inline constexpr int kMaxDiagnosticBytes = 512;

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_RESPONSE_CODE_H_
