#include "services/ingress/decoder/payload_decoder.h"

#include <simdjson.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/ingress/decoder/json_diagnosis.h"
#include "services/ingress/decoder/json_number.h"
#include "services/ingress/decoder/key_set.h"
#include "services/ingress/decoder/text.h"

namespace sluice::ingress {
namespace {

namespace dom = simdjson::dom;
using Readings = google::protobuf::RepeatedPtrField<v1::Reading>;

constexpr absl::string_view kJsonSpace = " \t\r\n";
constexpr char kBareMetric[] = "value";
// The last millisecond of the year 9999, where google.protobuf.Timestamp ends.
constexpr int64_t kMaxTimeMs = 253'402'300'799'999;

absl::string_view Trim(absl::string_view text) {
  const size_t begin = text.find_first_not_of(kJsonSpace);
  if (begin == absl::string_view::npos) return absl::string_view();
  return text.substr(begin, text.find_last_not_of(kJsonSpace) - begin + 1);
}

}  // namespace

PayloadFormat FormatOf(absl::string_view content_type) {
  const absl::string_view type =
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';')));
  if (type.empty() || absl::EqualsIgnoreCase(type, "application/json")) return PayloadFormat::kJson;
  if (absl::EqualsIgnoreCase(type, "text/plain")) return PayloadFormat::kPlainText;
  return PayloadFormat::kUnsupported;
}

absl::Status ValidateMetric(absl::string_view metric) {
  if (metric.empty()) return absl::InvalidArgumentError("the metric's name is empty");
  if (metric.size() > kMaxMetricBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the metric's name ", Quote(metric),
                                                   " is longer than ", kMaxMetricBytes, " bytes"));
  }
  if (FindControlCharacter(metric) != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("the metric's name ", Quote(metric), " holds a control character"));
  }
  return absl::OkStatus();
}

// Reads the JSON forms. One instance serves one payload after the other.
class PayloadDecoder::JsonReadings {
 public:
  // `payload` is not larger than kMaxPayloadBytes.
  absl::Status Decode(absl::string_view payload, bool number_only, Readings* readings) {
    readings_ = readings;
    path_.clear();
    const int before = readings->size();
    const absl::string_view text = Trim(payload);
    if (text.empty()) return absl::InvalidArgumentError("the payload is empty");
    const bool document = !number_only && (text[0] == '{' || text[0] == '[');
    const absl::Status status = document ? Document(payload) : BareNumber(text, number_only);
    if (status.ok() && readings->size() == before) {
      return absl::InvalidArgumentError("the payload holds no reading");
    }
    return status;
  }

 private:
  absl::Status BareNumber(absl::string_view text, bool number_only) {
    if (text == "null" && !number_only) return absl::OkStatus();
    const auto number = ParseJsonNumber(text);
    if (const auto* error = absl::get_if<NumberError>(&number)) {
      if (*error != NumberError::kNotANumber) {
        return absl::InvalidArgumentError(absl::StrCat(Quote(text), " ", Describe(*error)));
      }
      return absl::InvalidArgumentError(
          absl::StrCat("the payload is ", Quote(text), "; it must be ",
                       number_only ? "a number" : "a JSON object, an array or a number"));
    }
    path_ = kBareMetric;
    v1::Reading* reading = Add();
    if (reading == nullptr) return TooMany();
    if (const auto* whole = absl::get_if<int64_t>(&number)) {
      reading->set_int_value(*whole);
    } else {
      reading->set_double_value(absl::get<double>(number));
    }
    return absl::OkStatus();
  }

  absl::Status Document(absl::string_view payload) {
    // The parser reads past the end: it gets a copy with room behind it.
    const size_t room = payload.size() + simdjson::SIMDJSON_PADDING;
    if (buffer_.size() < room) buffer_.resize(room);
    std::memcpy(buffer_.data(), payload.data(), payload.size());
    dom::element root;
    if (parser_.parse(buffer_.data(), payload.size(), /*realloc_if_needed=*/false).get(root)) {
      return absl::InvalidArgumentError(DiagnoseJson(payload, kMaxNesting));
    }
    if (root.is_object()) return TopObject(dom::object(root), 1);
    for (const dom::element form : dom::array(root)) {
      absl::Status status;
      path_.clear();
      if (form.is_object()) {
        status = TopObject(dom::object(form), 2);
      } else if (form.is_number() || form.is_null()) {
        path_ = kBareMetric;
        status = Value(form, 1);
      } else {
        status = absl::InvalidArgumentError(
            "an element of the array must be an object, a number or null");
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // An object at the top, or in the array at the top: its `ts` is the time of its readings, and a
  // `values` object holds metrics under their own names.
  absl::Status TopObject(const dom::object& object, int depth) {
    keys_.Clear();
    const int first = readings_->size();
    bool has_time = false;
    bool has_values = false;
    int64_t time_ms = -1;
    for (const auto& [key, value] : object) {
      absl::Status status;
      if (key == "ts") {
        status = has_time ? Duplicate("ts") : Time(value, &time_ms);
        has_time = true;
      } else if (key == "values") {
        status = has_values          ? Duplicate("values")
                 : value.is_object() ? Members(dom::object(value), depth + 1)
                                     : Member(key, value, depth);
        has_values = true;
      } else {
        status = Member(key, value, depth);
      }
      if (!status.ok()) return status;
    }
    for (int i = first; time_ms >= 0 && i < readings_->size(); ++i) {
      auto* time = readings_->Mutable(i)->mutable_time();
      time->set_seconds(time_ms / 1000);
      time->set_nanos(static_cast<int32_t>(time_ms % 1000 * 1'000'000));
    }
    return absl::OkStatus();
  }

  // The members of an object at `depth`, whose path is path_.
  absl::Status Members(const dom::object& object, int depth) {
    if (depth > kMaxNesting) {
      return Wrong(absl::StrCat("is nested deeper than ", kMaxNesting, " levels"));
    }
    for (const auto& [key, value] : object) {
      const absl::Status status = Member(key, value, depth);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Member(std::string_view key, const dom::element& value, int depth) {
    if (key.empty()) return Wrong("a key is empty");
    const size_t length_before = path_.size();
    if (!path_.empty()) path_.push_back('.');
    path_.append(key.data(), key.size());
    const absl::Status name = ValidateMetric(path_);
    if (!name.ok()) return name;
    if (!keys_.Insert(path_)) return Duplicate(path_);
    const absl::Status status = Value(value, depth);
    path_.resize(length_before);
    return status;
  }

  // What stands under path_ in an object at `depth`.
  absl::Status Value(const dom::element& value, int depth) {
    const dom::element_type type = value.type();
    switch (type) {
      case dom::element_type::OBJECT:
        return Members(dom::object(value), depth + 1);
      case dom::element_type::ARRAY:
        return Wrong("an array is allowed only at the top");
      case dom::element_type::UINT64:  // only what int64 cannot hold
        return Wrong(absl::StrCat(uint64_t(value), " ", Describe(NumberError::kBeyondInt64)));
      case dom::element_type::NULL_VALUE:
        return absl::OkStatus();
      default:
        break;
    }
    v1::Reading* reading = Add();
    if (reading == nullptr) return TooMany();
    switch (type) {
      case dom::element_type::INT64:
        reading->set_int_value(int64_t(value));
        break;
      case dom::element_type::DOUBLE:
        reading->set_double_value(double(value));
        break;
      case dom::element_type::BOOL:
        reading->set_bool_value(bool(value));
        break;
      default: {
        const std::string_view text(value);
        reading->set_string_value(text.data(), text.size());
      }
    }
    return absl::OkStatus();
  }

  static absl::Status Time(const dom::element& value, int64_t* time_ms) {
    if (value.is_null()) return absl::OkStatus();
    int64_t ms = 0;
    if (value.type() != dom::element_type::INT64 || value.get(ms) || ms < 0 || ms > kMaxTimeMs) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'ts': is not a whole number of milliseconds since 1970, 0 to ", kMaxTimeMs));
    }
    *time_ms = ms;
    return absl::OkStatus();
  }

  v1::Reading* Add() {
    if (readings_->size() >= kMaxReadings) return nullptr;
    v1::Reading* reading = readings_->Add();
    reading->set_metric(path_);
    return reading;
  }

  absl::Status Wrong(absl::string_view what) const {
    return absl::InvalidArgumentError(path_.empty() ? std::string(what)
                                                    : absl::StrCat(Quote(path_), ": ", what));
  }
  static absl::Status Duplicate(absl::string_view path) {
    return absl::InvalidArgumentError(absl::StrCat("the key ", Quote(path), " stands there twice"));
  }
  static absl::Status TooMany() {
    return absl::InvalidArgumentError(
        absl::StrCat("the payload holds more than ", kMaxReadings, " readings"));
  }

  dom::parser parser_;
  std::vector<char> buffer_;
  KeySet keys_;
  // Keys from the top object down to where the decoder stands, joined by '.'.
  std::string path_;
  Readings* readings_ = nullptr;
};

PayloadDecoder::PayloadDecoder() : json_(std::make_unique<JsonReadings>()) {}
PayloadDecoder::~PayloadDecoder() = default;

absl::Status PayloadDecoder::Decode(absl::string_view content_type, absl::string_view payload,
                                    Readings* readings) {
  const PayloadFormat format = FormatOf(content_type);
  if (format == PayloadFormat::kUnsupported) {
    return absl::UnimplementedError(absl::StrCat("the content type ", Quote(content_type),
                                                 " is not supported; application/json is"));
  }
  if (payload.size() > static_cast<size_t>(kMaxPayloadBytes)) {
    return absl::OutOfRangeError(absl::StrCat("the payload is ", payload.size(),
                                              " bytes long; at most ", kMaxPayloadBytes,
                                              " are allowed"));
  }
  return json_->Decode(payload, format == PayloadFormat::kPlainText, readings);
}

}  // namespace sluice::ingress
