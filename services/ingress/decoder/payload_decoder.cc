#include "services/ingress/decoder/payload_decoder.h"

#include <simdjson.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/ingress/decoder/json_number.h"
#include "services/ingress/decoder/key_set.h"
#include "services/ingress/decoder/text.h"

namespace sluice::ingress {
namespace {

namespace ondemand = simdjson::ondemand;
using Readings = google::protobuf::RepeatedPtrField<v1::Reading>;

constexpr absl::string_view kJsonSpace = " \t\r\n";
// The last millisecond of the year 9999, where google.protobuf.Timestamp ends.
constexpr int64_t kMaxTimeMs = 253'402'300'799'999;

absl::string_view Trim(absl::string_view text) {
  const size_t begin = text.find_first_not_of(kJsonSpace);
  if (begin == absl::string_view::npos) return absl::string_view();
  return text.substr(begin, text.find_last_not_of(kJsonSpace) - begin + 1);
}

const char* Describe(simdjson::error_code error) {
  switch (error) {
    case simdjson::UNCLOSED_STRING:
      return "a text is not closed";
    case simdjson::UNESCAPED_CHARS:
      return "a control character in a text is not escaped";
    case simdjson::STRING_ERROR:
      return "a text holds an illegal escape";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "an object or array is not closed";
    default:
      return "is not valid JSON";
  }
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
    payload_ = payload;
    const int before = readings->size();
    const absl::string_view text = Trim(payload);
    if (text.empty()) return absl::InvalidArgumentError("the payload is empty");
    absl::Status status;
    if (!number_only && (text[0] == '{' || text[0] == '[')) {
      status = Document(text);
    } else {
      status = BareNumber(text, number_only);
    }
    if (status.ok() && readings->size() == before) {
      return absl::InvalidArgumentError("the payload holds no reading");
    }
    return status;
  }

 private:
  absl::Status BareNumber(absl::string_view text, bool number_only) {
    if (text == "null" && !number_only) return absl::OkStatus();
    const auto number = ParseJsonNumber(text);
    if (absl::holds_alternative<NumberError>(number) &&
        absl::get<NumberError>(number) == NumberError::kNotANumber) {
      return absl::InvalidArgumentError(
          absl::StrCat("the payload is ", Quote(text), "; it must be ",
                       number_only ? "a number" : "a JSON object, an array or a number"));
    }
    path_ = "value";
    return AddNumber(text, static_cast<size_t>(text.data() - payload_.data()));
  }

  absl::Status Document(absl::string_view text) {
    // The parser reads past the end: it gets a copy with room behind it.
    offset_of_text_ = static_cast<size_t>(text.data() - payload_.data());
    if (buffer_.size() < text.size() + simdjson::SIMDJSON_PADDING) {
      buffer_.resize(text.size() + simdjson::SIMDJSON_PADDING);
    }
    std::memcpy(buffer_.data(), text.data(), text.size());
    text_size_ = text.size();
    ondemand::document document;
    const auto error = parser_.iterate(buffer_.data(), text.size(), buffer_.size()).get(document);
    if (error == simdjson::UTF8_ERROR) {
      return absl::InvalidArgumentError(
          absl::StrCat("byte ", offset_of_text_ + ValidUtf8Prefix(text), " is not UTF-8"));
    }
    if (error) return absl::InvalidArgumentError(Describe(error));
    const absl::Status status = Forms(document);
    if (!status.ok()) return status;
    const char* rest = nullptr;
    if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) {
      return Malformed(document, "something follows the end of the JSON");
    }
    return absl::OkStatus();
  }

  absl::Status Forms(ondemand::document& document) {
    ondemand::value root;
    if (auto error = document.get_value().get(root)) return Broken(document, error);
    ondemand::json_type type;
    if (auto error = root.type().get(type)) return Broken(document, error);
    if (type == ondemand::json_type::object) return TopObject(document, root, 1);

    ondemand::array array;
    if (auto error = root.get_array().get(array)) return Broken(document, error);
    for (auto element : array) {
      ondemand::value form;
      if (auto error = element.get(form)) return Broken(document, error);
      if (auto error = form.type().get(type)) return Broken(document, error);
      absl::Status status;
      if (type == ondemand::json_type::object) {
        status = TopObject(document, form, 2);
      } else if (type == ondemand::json_type::number || type == ondemand::json_type::null) {
        path_ = "value";
        status = Scalar(document, form, type);
      } else {
        status = At(form.raw_json_token(),
                    "an element of the array must be an object, a number or null");
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // An object at the top, or in the array at the top: its `ts` is the time of its readings, and a
  // `values` object holds metrics under their own names.
  absl::Status TopObject(ondemand::document& document, ondemand::value& value, int depth) {
    keys_.Clear();
    path_.clear();
    const int first = readings_->size();
    bool has_time = false;
    bool has_values = false;
    int64_t time_ms = -1;
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return Broken(document, error);
    for (auto member : object) {
      ondemand::field field;
      if (auto error = std::move(member).get(field)) return Broken(document, error);
      const char* const key_at = field.key().raw();
      std::string_view key;
      if (auto error = field.unescaped_key().get(key)) return Broken(document, error);
      ondemand::value& content = field.value();
      absl::Status status;
      if (key == "ts") {
        status = has_time ? Duplicate(key_at, "ts") : Time(content, &time_ms);
        has_time = true;
      } else if (key == "values") {
        if (has_values) return Duplicate(key_at, "values");
        has_values = true;
        ondemand::json_type type;
        if (auto error = content.type().get(type)) return Broken(document, error);
        status = type == ondemand::json_type::object
                     ? Members(document, content, depth + 1)
                     : Member(document, key_at, key, content, depth);
      } else {
        status = Member(document, key_at, key, content, depth);
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
  absl::Status Members(ondemand::document& document, ondemand::value& value, int depth) {
    if (depth > kMaxNesting) {
      return At(value.raw_json_token(),
                absl::StrCat("is nested deeper than ", kMaxNesting, " levels"));
    }
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return Broken(document, error);
    for (auto member : object) {
      ondemand::field field;
      if (auto error = std::move(member).get(field)) return Broken(document, error);
      const char* const key_at = field.key().raw();
      std::string_view key;
      if (auto error = field.unescaped_key().get(key)) return Broken(document, error);
      const absl::Status status = Member(document, key_at, key, field.value(), depth);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Member(ondemand::document& document, const char* key_at, std::string_view key,
                      ondemand::value& value, int depth) {
    if (key.empty()) return At({key_at, 0}, "a key is empty");
    const size_t length_before = path_.size();
    if (!path_.empty()) path_.push_back('.');
    path_.append(key.data(), key.size());
    const absl::Status name = ValidateMetric(path_);
    if (!name.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("byte ", Position(key_at), ": ", View(name)));
    }
    if (!keys_.Insert(path_)) return Duplicate(key_at, path_);
    ondemand::json_type type;
    if (auto error = value.type().get(type)) return Broken(document, error);
    absl::Status status;
    if (type == ondemand::json_type::object) {
      status = Members(document, value, depth + 1);
    } else if (type == ondemand::json_type::array) {
      status = At(value.raw_json_token(), "an array is allowed only at the top");
    } else {
      status = Scalar(document, value, type);
    }
    path_.resize(length_before);
    return status;
  }

  // A reading of the metric path_.
  absl::Status Scalar(ondemand::document& document, ondemand::value& value,
                      ondemand::json_type type) {
    switch (type) {
      case ondemand::json_type::number: {
        const std::string_view token = value.raw_json_token();
        return AddNumber(Trim(View(token)), Position(token.data()));
      }
      case ondemand::json_type::string: {
        std::string_view text;
        if (auto error = value.get_string().get(text)) return Broken(document, error);
        v1::Reading* reading = Add();
        if (reading == nullptr) return TooMany();
        reading->set_string_value(text.data(), text.size());
        return absl::OkStatus();
      }
      case ondemand::json_type::boolean: {
        bool truth = false;
        if (value.get_bool().get(truth)) return At(value.raw_json_token(), "is not valid JSON");
        v1::Reading* reading = Add();
        if (reading == nullptr) return TooMany();
        reading->set_bool_value(truth);
        return absl::OkStatus();
      }
      default: {
        bool null = false;
        if (value.is_null().get(null) || !null) {
          return At(value.raw_json_token(), "is not valid JSON");
        }
        return absl::OkStatus();
      }
    }
  }

  absl::Status AddNumber(absl::string_view text, size_t at) {
    const auto number = ParseJsonNumber(text);
    if (const auto* error = absl::get_if<NumberError>(&number)) {
      const char* what = *error == NumberError::kNotANumber ? "is not a number as JSON writes it"
                         : *error == NumberError::kBeyondInt64
                             ? "is a whole number beyond the range of int64"
                             : "is beyond the range of a double";
      return absl::InvalidArgumentError(
          absl::StrCat("byte ", at, " (", Quote(path_), "): ", Quote(text), " ", what));
    }
    v1::Reading* reading = Add();
    if (reading == nullptr) return TooMany();
    if (const auto* whole = absl::get_if<int64_t>(&number)) {
      reading->set_int_value(*whole);
    } else {
      reading->set_double_value(absl::get<double>(number));
    }
    return absl::OkStatus();
  }

  absl::Status Time(ondemand::value& value, int64_t* time_ms) {
    const std::string_view token = value.raw_json_token();
    const absl::string_view text = Trim(View(token));
    if (text == "null") return absl::OkStatus();
    const auto number = ParseJsonNumber(text);
    const auto* whole = absl::get_if<int64_t>(&number);
    if (whole == nullptr || *whole < 0 || *whole > kMaxTimeMs) {
      return absl::InvalidArgumentError(
          absl::StrCat("byte ", Position(token.data()), " ('ts'): ", Quote(text),
                       " is not a whole number of milliseconds since 1970, 0 to ", kMaxTimeMs));
    }
    *time_ms = *whole;
    return absl::OkStatus();
  }

  v1::Reading* Add() {
    if (readings_->size() >= kMaxReadings) return nullptr;
    v1::Reading* reading = readings_->Add();
    reading->set_metric(path_);
    return reading;
  }

  size_t Position(const char* at) const {
    return offset_of_text_ + static_cast<size_t>(at - buffer_.data());
  }

  static absl::string_view View(const absl::Status& status) { return status.message(); }
  static absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

  absl::Status At(std::string_view token, absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("byte ", Position(token.data()),
                     path_.empty() ? "" : absl::StrCat(" (", Quote(path_), ")"), ": ", what));
  }
  absl::Status Duplicate(const char* key_at, absl::string_view path) const {
    return absl::InvalidArgumentError(
        absl::StrCat("byte ", Position(key_at), ": the key ", Quote(path), " stands there twice"));
  }
  static absl::Status TooMany() {
    return absl::InvalidArgumentError(
        absl::StrCat("the payload holds more than ", kMaxReadings, " readings"));
  }
  absl::Status Malformed(ondemand::document& document, absl::string_view what) const {
    const char* at = nullptr;
    if (document.current_location().get(at) || at < buffer_.data() ||
        at > buffer_.data() + text_size_) {
      return absl::InvalidArgumentError(what);
    }
    return At({at, 0}, what);
  }
  absl::Status Broken(ondemand::document& document, simdjson::error_code error) const {
    return Malformed(document, Describe(error));
  }

  ondemand::parser parser_;
  std::vector<char> buffer_;
  KeySet keys_;
  // Keys from the top object down to where the decoder stands, joined by '.'.
  std::string path_;
  Readings* readings_ = nullptr;
  absl::string_view payload_;
  size_t offset_of_text_ = 0;
  size_t text_size_ = 0;
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
