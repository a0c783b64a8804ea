// Fuzzes the payload decoders. The first byte chooses what the others are: a payload of telemetry,
// of a status or of an answer, or a content type before a payload. Two readers of JSON that know
// nothing of each other, the parser and the diagnosis, must agree.

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/ingress/decoder/json_diagnosis.h"
#include "services/ingress/decoder/payload_decoder.h"
#include "services/ingress/decoder/report_payloads.h"
#include "services/ingress/decoder/text.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/require.h"

namespace sluice::ingress {
namespace {

using Readings = google::protobuf::RepeatedPtrField<v1::Reading>;

// What the diagnosis says if it finds no fault.
constexpr char kNoFault[] = "is not valid JSON";
// Two texts of 64 bytes are quoted at most, and each byte may be written with four.
constexpr size_t kMaxErrorBytes = 640;
// Readings of every kind, with a time and without.
constexpr char kEveryKind[] = R"([{"ts":1,"values":{"a":"x","b":true,"c":2,"d":0.5}},{"e":"x"},5])";
// The last second of the year 9999.
constexpr int64_t kMaxSeconds = 253'402'300'799;

bool IsUtf8(absl::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

void CheckError(const absl::Status& status, absl::string_view content_type,
                absl::string_view payload) {
  const absl::string_view message = status.message();
  Require(!message.empty() && message.size() <= kMaxErrorBytes, "an error without words, or many");
  Require(IsUtf8(message) && FindControlCharacter(message) == absl::string_view::npos,
          "an error that cannot be shown");
  Require(message != kNoFault, "the parser refuses what the diagnosis takes for JSON");
  const bool supported = FormatOf(content_type) != PayloadFormat::kUnsupported;
  const bool too_large = payload.size() > static_cast<size_t>(kMaxPayloadBytes);
  Require(absl::IsUnimplemented(status) == !supported, "a wrong word about the content type");
  Require(absl::IsOutOfRange(status) == (supported && too_large), "a wrong word about the size");
  Require(absl::IsInvalidArgument(status) == (supported && !too_large), "another error");
}

void CheckReading(const v1::Reading& reading) {
  Require(ValidateMetric(reading.metric()).ok() && IsUtf8(reading.metric()), "an illegal metric");
  switch (reading.value_case()) {
    case v1::Reading::kDoubleValue:
      Require(std::isfinite(reading.double_value()), "an infinite number");
      break;
    case v1::Reading::kStringValue:
      Require(IsUtf8(reading.string_value()), "a text that is not UTF-8");
      break;
    case v1::Reading::kIntValue:
    case v1::Reading::kBoolValue:
      break;
    default:
      Require(false, "a reading without a value");
  }
  const auto& time = reading.time();
  Require(time.seconds() >= 0 && time.seconds() <= kMaxSeconds && time.nanos() >= 0 &&
              time.nanos() % 1'000'000 == 0 && time.nanos() < 1'000'000'000,
          "an impossible time");
}

std::string JsonText(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') {
      absl::StrAppend(&json, "\\u00", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      json.push_back(c);
    }
  }
  return json + "\"";
}

std::string JsonValue(const v1::Reading& reading) {
  switch (reading.value_case()) {
    case v1::Reading::kDoubleValue: {
      char text[40];
      snprintf(text, sizeof(text), "%.16e", reading.double_value());
      return text;
    }
    case v1::Reading::kIntValue:
      return absl::StrCat(reading.int_value());
    case v1::Reading::kBoolValue:
      return reading.bool_value() ? "true" : "false";
    default:
      return JsonText(reading.string_value());
  }
}

// The readings as a payload that says the same.
std::string JsonOf(const Readings& readings) {
  std::string json = "[";
  for (const v1::Reading& reading : readings) {
    absl::StrAppend(&json, json.size() > 1 ? ",{" : "{");
    if (reading.has_time()) {
      absl::StrAppend(&json, "\"ts\":",
                      reading.time().seconds() * 1000 + reading.time().nanos() / 1'000'000, ",");
    }
    absl::StrAppend(&json, "\"values\":{", JsonText(reading.metric()), ":", JsonValue(reading),
                    "}}");
  }
  return json + "]";
}

// Metric, value and time (in ms; -1: none) in words.
std::string Words(absl::string_view metric, absl::string_view value, int64_t time_ms) {
  return absl::StrCat(metric, " = ", value, " at ", time_ms);
}

// A number is a double for protobuf's reader.
std::string NumberInWords(double number) { return absl::StrFormat("number %.17g", number); }

std::vector<std::string> InWords(const Readings& readings) {
  std::vector<std::string> words;
  for (const v1::Reading& reading : readings) {
    const std::string value = reading.has_string_value() ? "text " + reading.string_value()
                              : reading.has_bool_value() ? (reading.bool_value() ? "true" : "false")
                              : reading.has_int_value()
                                  ? NumberInWords(static_cast<double>(reading.int_value()))
                                  : NumberInWords(reading.double_value());
    const int64_t time_ms =
        reading.has_time() ? reading.time().seconds() * 1000 + reading.time().nanos() / 1'000'000
                           : -1;
    words.push_back(Words(reading.metric(), value, time_ms));
  }
  std::sort(words.begin(), words.end());
  return words;
}

// What docs/payloads.md says of a value under a metric's name.
void Flatten(const google::protobuf::Value& value, const std::string& metric, int64_t time_ms,
             std::vector<std::string>* words) {
  using Value = google::protobuf::Value;
  switch (value.kind_case()) {
    case Value::kStructValue:
      for (const auto& [key, member] : value.struct_value().fields()) {
        Flatten(member, metric.empty() ? key : absl::StrCat(metric, ".", key), time_ms, words);
      }
      break;
    case Value::kNumberValue:
      words->push_back(Words(metric, NumberInWords(value.number_value()), time_ms));
      break;
    case Value::kStringValue:
      words->push_back(Words(metric, "text " + value.string_value(), time_ms));
      break;
    case Value::kBoolValue:
      words->push_back(Words(metric, value.bool_value() ? "true" : "false", time_ms));
      break;
    default:
      break;
  }
}

// What it says of a form: an object with its time and its `values`, or a number.
void FlattenForm(const google::protobuf::Value& form, std::vector<std::string>* words) {
  if (!form.has_struct_value()) return Flatten(form, "value", -1, words);
  const auto& fields = form.struct_value().fields();
  const auto time = fields.find("ts");
  const int64_t time_ms = time != fields.end() && time->second.has_number_value()
                              ? static_cast<int64_t>(time->second.number_value())
                              : -1;
  for (const auto& [key, member] : fields) {
    if (key == "ts") continue;
    Flatten(member, key == "values" && member.has_struct_value() ? "" : key, time_ms, words);
  }
}

// What protobuf's reader finds in a payload that is JSON.
std::vector<std::string> Expected(absl::string_view payload) {
  google::protobuf::Value root;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(payload.data(), payload.size()), &root);
  Require(status.ok(), "protobuf's reader refuses it");
  std::vector<std::string> words;
  if (root.has_list_value()) {
    for (const auto& form : root.list_value().values()) FlattenForm(form, &words);
  } else {
    FlattenForm(root, &words);
  }
  std::sort(words.begin(), words.end());
  return words;
}

bool Same(const Readings& a, const Readings& b) {
  if (a.size() != b.size()) return false;
  for (int i = 0; i < a.size(); ++i) {
    if (a[i].SerializeAsString() != b[i].SerializeAsString()) return false;
  }
  return true;
}

void DecodeTelemetry(absl::string_view content_type, absl::string_view payload) {
  PayloadDecoder fresh;
  const auto telemetry = fresh.Decode(content_type, payload);

  PayloadDecoder used;
  Require(used.Decode("", kEveryKind).ok(), "a good payload is refused");
  used.Decode(content_type, payload.substr(0, payload.size() / 2)).IgnoreError();
  auto again = used.Decode(content_type, payload);
  Require(again.status() == telemetry.status(), "what came before matters");
  if (!telemetry.ok()) return CheckError(telemetry.status(), content_type, payload);

  const Readings& readings = (*telemetry)->readings();
  Require(Same(readings, (*again)->readings()), "what came before matters");
  Require(!readings.empty() && readings.size() <= kMaxReadings, "no reading, or too many");
  for (const v1::Reading& reading : readings) CheckReading(reading);
  if (FormatOf(content_type) == PayloadFormat::kJson) {
    Require(DiagnoseJson(payload, kMaxNesting) == kNoFault,
            "the parser takes what the diagnosis refuses");
    Require(InWords(readings) == Expected(payload), "other readings than protobuf's reader finds");
  }

  const std::string spaced = absl::StrCat("\t ", payload, "\r\n");
  const std::string json = JsonOf(readings);
  for (const bool is_spaced : {true, false}) {
    const std::string& same = is_spaced ? spaced : json;
    if (same.size() > static_cast<size_t>(kMaxPayloadBytes)) continue;
    again = used.Decode(is_spaced ? content_type : "", same);
    Require(again.ok() && Same(readings, (*again)->readings()),
            is_spaced ? "space around it matters" : "written down and read again it is another");
  }
}

void DecodeReport(bool is_status, absl::string_view content_type, absl::string_view payload) {
  if (is_status) {
    const auto report = DecodeStatus(content_type, payload);
    if (!report.ok()) return CheckError(report.status(), content_type, payload);
    Require(report->status() != v1::DEVICE_STATUS_UNSPECIFIED, "a status without a status");
    Require(report->status_message().size() <= kMaxMessageBytes && IsUtf8(report->status_message()),
            "an illegal message");
    return;
  }
  const auto report = DecodeCommandResponse(content_type, payload);
  if (!report.ok()) return CheckError(report.status(), content_type, payload);
  Require(
      report->state() == v1::COMMAND_STATE_SUCCEEDED || report->state() == v1::COMMAND_STATE_FAILED,
      "an answer without an end");
  Require(report->error_message().size() <= kMaxMessageBytes && IsUtf8(report->error_message()),
          "an illegal message");
  // It is stored in this form, and texts in it that are not UTF-8 do not come back.
  state::v1::CommandReport stored;
  Require(stored.ParseFromString(report->SerializeAsString()), "an answer that cannot be stored");
}

// JSON, mostly such as is taken, that bytes choose.
void Generate(FuzzInput* input, int depth, std::string* json) {
  constexpr absl::string_view kKeys[] = {"ts", "values", "value", "a", "b", "pressure", ""};
  constexpr absl::string_view kValues[] = {"1700000000123",
                                           "-0.0",
                                           "2.5e-3",
                                           "9223372036854775807",
                                           "true",
                                           "null",
                                           "\"t\\u00e9\\ud83d\\ude00\""};
  const uint64_t kind = input->Below(8);
  if (input->empty() || kind < 3) {
    absl::StrAppend(json, kValues[input->Below(std::size(kValues))]);
  } else if (kind == 3) {
    absl::StrAppend(json, static_cast<int64_t>(input->Number(8)));
  } else {
    const bool is_array = depth == 0 && kind == 4;
    json->push_back(is_array ? '[' : '{');
    const uint64_t members = input->Below(5);
    for (uint64_t i = 0; i < members; ++i) {
      if (i > 0) json->push_back(',');
      if (!is_array) {
        const absl::string_view key = kKeys[input->Below(std::size(kKeys))];
        absl::StrAppend(json, JsonText(key.empty() ? input->Bytes(2) : std::string(key)), ":");
      }
      Generate(input, depth + 1, json);
    }
    json->push_back(is_array ? ']' : '}');
  }
}

}  // namespace
}  // namespace sluice::ingress

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using sluice::ingress::DecodeReport;
  using sluice::ingress::DecodeTelemetry;
  sluice::FuzzInput input(bytes, size);
  const uint64_t kind = input.Below(8);
  const std::string content_type = kind == 4   ? "text/plain"
                                   : kind == 7 ? input.Bytes(input.Below(32))
                                               : "";
  std::string payload;
  if (kind == 3) {
    sluice::ingress::Generate(&input, 0, &payload);
  } else {
    payload = input.Bytes(size);
  }
  if (kind == 5 || kind == 6) {
    DecodeReport(kind == 5, content_type, payload);
  } else {
    DecodeTelemetry(content_type, payload);
  }
  return 0;
}
