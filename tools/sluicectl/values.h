#ifndef SLUICE_TOOLS_SLUICECTL_VALUES_H_
#define SLUICE_TOOLS_SLUICECTL_VALUES_H_

#include <google/protobuf/struct.pb.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sluice/v1/subscription.pb.h"
#include "sluice/v1/telemetry.pb.h"

// How values are written on the command line. Every function that parses fails with
// INVALID_ARGUMENT and says what is wrong with which text.
//
// A value is a number as in JSON, `true`, `false`, or a text. What only looks like a number (`nan`,
// `+5`, `007`,
// `.5`) is refused, because it could be meant either way; in double quotes it is a text.
namespace sluice::sluicectl {

// Splits `KEY=VALUE` at the first `=`. The key may not be empty; the value may.
absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(absl::string_view text);

// `METRIC=VALUE`. A whole number becomes an int64, exactly; one that does not fit is refused.
absl::StatusOr<v1::Reading> ParseReading(absl::string_view text);

// The arguments of a command: from `KEY=VALUE` pairs (VALUE may also be `null` or a JSON array or
// object), or from `json`, a JSON object; not both. Whole numbers that a JSON number (a double)
// cannot hold exactly are refused.
absl::StatusOr<google::protobuf::Struct> ParseArguments(const std::vector<std::string>& pairs,
                                                        absl::string_view json);

// `earliest`, `latest`, `resume`, an offset or a time (RFC 3339). Empty: no position.
absl::StatusOr<v1::Start> ParseStart(absl::string_view text);

// The shortest text that reads back as the same number.
std::string FormatNumber(double value);
// For people: six significant digits.
std::string FormatStatistic(double value);

// The value of a reading, without its unit. Texts in double quotes if they could be taken for
// something else, bytes as `<5 bytes>`.
std::string FormatValue(const v1::Reading& reading);

// `temperature=21.5 Cel`
std::string FormatReading(const v1::Reading& reading);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_VALUES_H_
