#ifndef SLUICE_TOOLS_SLUICECTL_JSON_OUTPUT_H_
#define SLUICE_TOOLS_SLUICECTL_JSON_OUTPUT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::sluicectl {

// `message` as one line of JSON without the newline: the standard proto3 mapping (64-bit integers
// as strings, bytes as base64, times as RFC 3339) with the field names of the .proto files. Fields
// of their default value are there, so that every line of a list has the same keys; what was never
// set (one of several kinds, another message) is absent. Control characters are escaped. INTERNAL:
// the message holds a time that JSON cannot express.
absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message);

// `text` (UTF-8) as a JSON string on one line, with its quotes.
std::string QuoteJson(absl::string_view text);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_JSON_OUTPUT_H_
