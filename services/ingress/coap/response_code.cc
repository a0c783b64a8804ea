#include "services/ingress/coap/response_code.h"

namespace sluice::ingress {

CoapCode ResponseCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kAlreadyExists:
      return CoapCode::kChanged;
    case absl::StatusCode::kInvalidArgument:
      return CoapCode::kBadRequest;
    case absl::StatusCode::kOutOfRange:
      return CoapCode::kRequestEntityTooLarge;
    case absl::StatusCode::kNotFound:
      return CoapCode::kNotFound;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return CoapCode::kForbidden;
    case absl::StatusCode::kUnauthenticated:
      return CoapCode::kUnauthorized;
    case absl::StatusCode::kUnimplemented:
      return CoapCode::kUnsupportedContentFormat;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return CoapCode::kServiceUnavailable;
    default:
      return CoapCode::kInternalError;
  }
}

bool IsSuppressed(uint8_t no_response, CoapCode code) {
  return (no_response & (1 << (CodeClass(code) - 1))) != 0;
}

std::string Diagnostic(absl::string_view text) {
  if (text.size() <= kMaxDiagnosticBytes) return std::string(text);
  size_t end = kMaxDiagnosticBytes;
  // A byte 10xxxxxx continues the character before it.
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace sluice::ingress
