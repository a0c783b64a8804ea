#include "tools/sluicectl/values.h"

#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/proto_time/proto_time.h"
#include "tools/sluicectl/display_text.h"
#include "tools/sluicectl/json_output.h"
#include "tools/sluicectl/time_format.h"

namespace sluice::sluicectl {
namespace {

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", EscapeForDisplay(text), "' ", what));
}

// Length of the JSON number at the start of `text`, 0 if there is none.
size_t JsonNumberLength(absl::string_view text, bool* whole) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t first = i;
    while (i < text.size() && absl::ascii_isdigit(text[i])) ++i;
    return i - first;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const bool leading_zero = i < text.size() && text[i] == '0';
  const size_t integer_digits = digits();
  if (integer_digits == 0 || (leading_zero && integer_digits > 1)) return 0;
  *whole = true;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return 0;
    *whole = false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return 0;
    *whole = false;
  }
  return i;
}

enum class Kind { kWhole, kFraction, kTrue, kFalse, kQuoted, kText, kDoubtful };

Kind KindOf(absl::string_view value) {
  if (value == "true") return Kind::kTrue;
  if (value == "false") return Kind::kFalse;
  if (absl::StartsWith(value, "\"")) return Kind::kQuoted;
  bool whole = false;
  if (!value.empty() && JsonNumberLength(value, &whole) == value.size()) {
    return whole ? Kind::kWhole : Kind::kFraction;
  }
  double ignored = 0;
  return absl::SimpleAtod(value, &ignored) ? Kind::kDoubtful : Kind::kText;
}

absl::Status Doubtful(absl::string_view text) {
  return Wrong(text,
               "is not a number as in JSON (-21.5, 3e8); to send it as a text put it in double "
               "quotes: '\"…\"'");
}

absl::StatusOr<double> ParseFinite(absl::string_view value, absl::string_view text) {
  double number = 0;
  if (!absl::SimpleAtod(value, &number) || !std::isfinite(number)) {
    return Wrong(text, "is too large for a number");
  }
  return number;
}

// A double holds the whole number `token` exactly.
bool IsExactAsDouble(absl::string_view token) {
  double number = 0;
  if (!absl::SimpleAtod(token, &number) || !std::isfinite(number)) return false;
  return absl::StrFormat("%.0f", number) == token || token == "-0";
}

absl::StatusOr<google::protobuf::Value> ParseJson(absl::string_view json, absl::string_view text) {
  google::protobuf::Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(std::string(json), &value);
  if (!status.ok()) {
    return Wrong(text,
                 absl::StrCat("is not JSON: ", EscapeForDisplay(std::string(status.message()))));
  }
  return value;
}

// JSON numbers are doubles here: refuses the whole numbers in `json` that would change.
absl::Status CheckWholeNumbers(absl::string_view json) {
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    if (in_text) {
      if (json[i] == '\\')
        ++i;
      else if (json[i] == '"')
        in_text = false;
      continue;
    }
    if (json[i] == '"') {
      in_text = true;
      continue;
    }
    bool whole = false;
    const size_t length = JsonNumberLength(json.substr(i), &whole);
    if (length == 0) continue;
    const absl::string_view token = json.substr(i, length);
    if (whole && !IsExactAsDouble(token)) {
      return Wrong(token, "cannot be a JSON number without losing digits; send it as a text");
    }
    i += length - 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Value> ParseArgument(absl::string_view value,
                                                      absl::string_view text) {
  google::protobuf::Value out;
  const bool structured = absl::StartsWith(value, "{") || absl::StartsWith(value, "[");
  const Kind kind = KindOf(value);
  if (kind == Kind::kDoubtful) return Doubtful(text);
  if (kind == Kind::kText && !structured && value != "null") {
    out.set_string_value(std::string(value));
    return out;
  }
  if (absl::Status status = CheckWholeNumbers(value); !status.ok()) return status;
  return ParseJson(value, text);
}

}  // namespace

absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0) return Wrong(text, "is not KEY=VALUE");
  return std::make_pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

absl::StatusOr<v1::Reading> ParseReading(absl::string_view text) {
  auto pair = ParseKeyValue(text);
  if (!pair.ok()) return Wrong(text, "is not METRIC=VALUE");
  v1::Reading reading;
  reading.set_metric(pair->first);
  const std::string& value = pair->second;
  switch (KindOf(value)) {
    case Kind::kTrue:
    case Kind::kFalse:
      reading.set_bool_value(value == "true");
      break;
    case Kind::kWhole: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(value, &number)) {
        return Wrong(text,
                     "does not fit into 64 bits; with a fraction (.0) it is sent as a double");
      }
      reading.set_int_value(number);
      break;
    }
    case Kind::kFraction: {
      auto number = ParseFinite(value, text);
      if (!number.ok()) return number.status();
      reading.set_double_value(*number);
      break;
    }
    case Kind::kQuoted: {
      auto parsed = ParseJson(value, text);
      if (!parsed.ok()) return parsed.status();
      reading.set_string_value(parsed->string_value());
      break;
    }
    case Kind::kDoubtful:
      return Doubtful(text);
    case Kind::kText:
      reading.set_string_value(value);
      break;
  }
  return reading;
}

absl::StatusOr<google::protobuf::Struct> ParseArguments(const std::vector<std::string>& pairs,
                                                        absl::string_view json) {
  google::protobuf::Struct arguments;
  if (!json.empty()) {
    if (!pairs.empty()) {
      return absl::InvalidArgumentError("give KEY=VALUE pairs or --arguments, not both");
    }
    if (absl::Status status = CheckWholeNumbers(json); !status.ok()) return status;
    auto value = ParseJson(json, json);
    if (!value.ok()) return value.status();
    if (!value->has_struct_value()) return Wrong(json, "is not a JSON object");
    return value->struct_value();
  }
  for (const std::string& text : pairs) {
    auto pair = ParseKeyValue(text);
    if (!pair.ok()) return pair.status();
    auto value = ParseArgument(pair->second, text);
    if (!value.ok()) return value.status();
    if (!arguments.mutable_fields()->insert({pair->first, *value}).second) {
      return Wrong(pair->first, "is given twice");
    }
  }
  return arguments;
}

absl::StatusOr<v1::Start> ParseStart(absl::string_view text) {
  v1::Start start;
  int64_t offset = 0;
  if (text.empty()) return start;
  if (text == "earliest") {
    start.mutable_earliest();
  } else if (text == "latest") {
    start.mutable_latest();
  } else if (text == "resume") {
    start.mutable_resume();
  } else if (absl::SimpleAtoi(text, &offset) && offset >= 0) {
    start.set_offset(offset);
  } else if (auto time = ParseTime(text); time.ok()) {
    *start.mutable_time() = ToProto(*time);
  } else {
    return Wrong(text,
                 "is none of earliest, latest, resume, an offset (0, 1, …) or a time such as "
                 "2026-03-01T14:05:09Z");
  }
  return start;
}

std::string FormatNumber(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return std::string(buffer, end);
}

std::string FormatStatistic(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.6g", value) : FormatNumber(value);
}

std::string FormatValue(const v1::Reading& reading) {
  switch (reading.value_case()) {
    case v1::Reading::kDoubleValue:
      return FormatNumber(reading.double_value());
    case v1::Reading::kIntValue:
      return absl::StrCat(reading.int_value());
    case v1::Reading::kBoolValue:
      return reading.bool_value() ? "true" : "false";
    case v1::Reading::kStringValue:
      return QuoteJson(reading.string_value());
    case v1::Reading::kBytesValue:
      return absl::StrCat("<", reading.bytes_value().size(), " bytes>");
    case v1::Reading::VALUE_NOT_SET:
      break;
  }
  return "?";
}

std::string FormatReading(const v1::Reading& reading) {
  return absl::StrCat(reading.metric(), "=", FormatValue(reading),
                      reading.unit().empty() ? "" : " ", reading.unit());
}

}  // namespace sluice::sluicectl
