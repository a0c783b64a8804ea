#include "services/ingress/decoder/payload_decoder.h"

#include <google/protobuf/repeated_field.h>
#include <simdjson.h>

#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
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

constexpr absl::string_view kJsonType = "application/json";
constexpr char kBareMetric[] = "value";
// The last millisecond of the year 9999, where google.protobuf.Timestamp ends.
constexpr int64_t kMaxTimeMs = 253'402'300'799'999;
constexpr int64_t kNoTime = -1;
// So much of a text's memory is kept for the next text in its place.
constexpr size_t kMaxKeptTextBytes = 256;

bool IsJsonSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

absl::string_view Trim(absl::string_view text) {
  while (!text.empty() && IsJsonSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsJsonSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

PayloadFormat FormatOf(absl::string_view content_type) {
  if (content_type.empty() || content_type == kJsonType) return PayloadFormat::kJson;  // most are
  const absl::string_view type =
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';')));
  if (type.empty() || absl::EqualsIgnoreCase(type, kJsonType)) return PayloadFormat::kJson;
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
  // Writes over `readings`, which hold what an earlier call left. `payload` is not larger than
  // kMaxPayloadBytes.
  absl::Status Decode(absl::string_view payload, bool number_only, Readings* readings) {
    readings_ = readings;
    used_ = 0;
    const absl::string_view text = Trim(payload);
    if (text.empty()) return absl::InvalidArgumentError("the payload is empty");
    const bool is_document = !number_only && (text[0] == '{' || text[0] == '[');
    const bool done = is_document ? Document(payload) : BareNumber(text, number_only);
    while (readings->size() > used_) readings->RemoveLast();
    if (!done) return std::exchange(error_, absl::OkStatus());
    if (used_ == 0) return absl::InvalidArgumentError("the payload holds no reading");
    return absl::OkStatus();
  }

 private:
  // These return false if error_ says what is wrong.

  bool BareNumber(absl::string_view text, bool number_only) {
    if (text == "null" && !number_only) return true;
    const auto number = ParseJsonNumber(text);
    if (const auto* error = absl::get_if<NumberError>(&number)) {
      if (*error != NumberError::kNotANumber) {
        return Fail(absl::StrCat(Quote(text), " ", Describe(*error)));
      }
      return Fail(absl::StrCat("the payload is ", Quote(text), "; it must be ",
                               number_only ? "a number" : "a JSON object, an array or a number"));
    }
    v1::Reading* reading = Add(kBareMetric);
    if (const auto* whole = absl::get_if<int64_t>(&number)) {
      reading->set_int_value(*whole);
    } else {
      reading->set_double_value(absl::get<double>(number));
    }
    SetTime(kNoTime, 0);
    return true;
  }

  bool Document(absl::string_view payload) {
    // The parser reads past the end: it gets a copy with room behind it.
    const size_t room = payload.size() + simdjson::SIMDJSON_PADDING;
    if (buffer_.size() < room) buffer_.resize(room);
    std::memcpy(buffer_.data(), payload.data(), payload.size());
    dom::element root;
    if (parser_.parse(buffer_.data(), payload.size(), /*realloc_if_needed=*/false).get(root)) {
      return Fail(DiagnoseJson(payload, kMaxNesting));
    }
    return root.is_object() ? TopObject(dom::object(root), 1) : TopArray(dom::array(root));
  }

  bool TopArray(dom::array array) {
    for (const dom::element form : array) {
      if (form.is_object()) {
        if (!TopObject(dom::object(form), 2)) return false;
      } else if (form.is_number() || form.is_null()) {
        const int first = used_;
        if (!Value(kBareMetric, form, 1)) return false;
        SetTime(kNoTime, first);
      } else {
        return Fail("an element of the array must be an object, a number or null");
      }
    }
    return true;
  }

  // An object at the top, or in the array at the top: its `ts` is the time of its readings, and a
  // `values` object holds metrics under their own names.
  bool TopObject(dom::object object, int depth) {
    keys_.Clear();
    joined_paths_ = 0;
    const int first = used_;
    bool has_time = false;
    bool has_values = false;
    int64_t time_ms = kNoTime;
    for (const auto [key, value] : object) {
      bool done;
      if (key == "ts") {
        done = has_time ? Duplicate("ts") : Time(value, &time_ms);
        has_time = true;
      } else if (key == "values") {
        done = has_values          ? Duplicate("values")
               : value.is_object() ? Members("", dom::object(value), depth + 1)
                                   : Member("", key, value, depth);
        has_values = true;
      } else {
        done = Member("", key, value, depth);
      }
      if (!done) return false;
    }
    SetTime(time_ms, first);
    return true;
  }

  // The members of the object at `depth` that stands under `path`.
  bool Members(absl::string_view path, dom::object object, int depth) {
    if (depth > kMaxNesting) {
      return Wrong(path, absl::StrCat("is nested deeper than ", kMaxNesting, " levels"));
    }
    for (const auto [key, value] : object) {
      if (!Member(path, key, value, depth)) return false;
    }
    return true;
  }

  bool Member(absl::string_view parent, std::string_view key, dom::element value, int depth) {
    if (key.empty()) return Wrong(parent, "a key is empty");
    const absl::string_view path = Join(parent, {key.data(), key.size()});
    // Of a long path ValidateMetric says that it is too long, of an odd key whether it is legal.
    if (path.size() > kMaxMetricBytes || !IsPrintableAscii({key.data(), key.size()})) {
      error_ = ValidateMetric(path);
      if (!error_.ok()) return false;
    }
    if (!keys_.Insert(path)) return Duplicate(path);
    return Value(path, value, depth);
  }

  // Stays as it is until the next object at the top: keys_ knows it.
  absl::string_view Join(absl::string_view parent, absl::string_view key) {
    if (parent.empty()) return key;
    if (joined_paths_ == paths_.size()) paths_.emplace_back();
    std::string& path = paths_[joined_paths_++];
    path.clear();
    path.append(parent.data(), parent.size());
    path.push_back('.');
    path.append(key.data(), key.size());
    return path;
  }

  // What stands under `path` in an object at `depth`.
  bool Value(absl::string_view path, dom::element value, int depth) {
    const dom::element_type type = value.type();
    switch (type) {
      case dom::element_type::OBJECT:
        return Members(path, dom::object(value), depth + 1);
      case dom::element_type::ARRAY:
        return Wrong(path, "an array is allowed only at the top");
      case dom::element_type::UINT64:  // only what int64 cannot hold
        return Wrong(path, absl::StrCat(uint64_t(value), " ", Describe(NumberError::kBeyondInt64)));
      case dom::element_type::NULL_VALUE:
        return true;
      default:
        break;
    }
    if (used_ >= kMaxReadings) return TooMany();
    v1::Reading* reading = Add(path);
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
        if (reading->string_value().capacity() > kMaxKeptTextBytes) reading->clear_value();
        reading->mutable_string_value()->assign(text.data(), text.size());
      }
    }
    return true;
  }

  bool Time(dom::element value, int64_t* time_ms) {
    if (value.is_null()) return true;
    int64_t ms = 0;
    if (value.type() != dom::element_type::INT64 || value.get(ms) || ms < 0 || ms > kMaxTimeMs) {
      return Fail(absl::StrCat("'ts': is not a whole number of milliseconds since 1970, 0 to ",
                               kMaxTimeMs));
    }
    *time_ms = ms;
    return true;
  }

  // Of the readings from `first` on.
  void SetTime(int64_t time_ms, int first) {
    const int64_t seconds = time_ms / 1000;
    const auto nanos = static_cast<int32_t>(time_ms % 1000 * 1'000'000);
    for (int i = first; i < used_; ++i) {
      v1::Reading* const reading = readings_->Mutable(i);
      if (time_ms != kNoTime) {
        reading->mutable_time()->set_seconds(seconds);
        reading->mutable_time()->set_nanos(nanos);
      } else if (reading->has_time()) {
        reading->clear_time();
      }
    }
  }

  // A reading whose value and time are those of an earlier payload until they are set.
  v1::Reading* Add(absl::string_view metric) {
    v1::Reading* reading = used_ < readings_->size() ? readings_->Mutable(used_) : readings_->Add();
    ++used_;
    reading->mutable_metric()->assign(metric.data(), metric.size());
    return reading;
  }

  ABSL_ATTRIBUTE_COLD bool Fail(absl::string_view what) {
    error_ = absl::InvalidArgumentError(what);
    return false;
  }
  ABSL_ATTRIBUTE_COLD bool Wrong(absl::string_view path, absl::string_view what) {
    return Fail(path.empty() ? std::string(what) : absl::StrCat(Quote(path), ": ", what));
  }
  ABSL_ATTRIBUTE_COLD bool TooMany() {
    return Fail(absl::StrCat("the payload holds more than ", kMaxReadings, " readings"));
  }
  ABSL_ATTRIBUTE_COLD bool Duplicate(absl::string_view path) {
    return Fail(absl::StrCat("the key ", Quote(path), " stands there twice"));
  }

  dom::parser parser_;
  std::vector<char> buffer_;
  KeySet keys_;
  // Paths of more than one key, of which the first `joined_paths_` are in use: keys from the top
  // object down, joined by '.'. A deque, as keys_ must find them where they were.
  std::deque<std::string> paths_;
  size_t joined_paths_ = 0;
  // The first `used_` are of this payload, the others of an earlier one and not cleared: that would
  // free their times, and to allocate them anew takes up to a third of the decoding.
  Readings* readings_ = nullptr;
  int used_ = 0;
  absl::Status error_;
};

PayloadDecoder::PayloadDecoder() : json_(std::make_unique<JsonReadings>()) {}
PayloadDecoder::~PayloadDecoder() = default;

absl::StatusOr<v1::Telemetry*> PayloadDecoder::Decode(absl::string_view content_type,
                                                      absl::string_view payload) {
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
  // All is cleared but the readings, which are written over.
  Readings readings;
  readings.Swap(telemetry_.mutable_readings());
  telemetry_.Clear();
  readings.Swap(telemetry_.mutable_readings());
  const absl::Status status =
      json_->Decode(payload, format == PayloadFormat::kPlainText, telemetry_.mutable_readings());
  if (!status.ok()) return status;
  return &telemetry_;
}

}  // namespace sluice::ingress
