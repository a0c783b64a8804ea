#include "tools/fleetsim/payload.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"
#include "tools/fleetsim/signal.h"

namespace sluice::fleetsim {

absl::StatusOr<PayloadShape> ParsePayloadShape(absl::string_view name) {
  if (name == "json") return PayloadShape::kJson;
  if (name == "flat") return PayloadShape::kFlat;
  if (name == "nested") return PayloadShape::kNested;
  if (name == "value") return PayloadShape::kValue;
  if (name == "number") return PayloadShape::kNumber;
  if (name == "array") return PayloadShape::kArray;
  if (name == "senml") return PayloadShape::kSenml;
  return InvalidField(
      "payload",
      absl::StrCat("'", name, "' is not one of json, flat, nested, value, number, array, senml"));
}

absl::Status ValidatePayloadOptions(const PayloadOptions& options) {
  const bool legal = std::all_of(options.metric.begin(), options.metric.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  });
  if (!legal || options.metric.empty() || options.metric.size() > 128) {
    return InvalidField("metric", "must be 1 to 128 letters, digits, '_', '-' or '.'");
  }
  return absl::OkStatus();
}

Payload::Payload(const PayloadOptions& options) : options_(options) {
  const std::string& metric = options_.metric;
  switch (options_.shape) {
    case PayloadShape::kJson:
      head_ = "{\"ts\":";
      middle_ = absl::StrCat(",\"values\":{\"", metric, "\":");
      tail_ = "}}";
      break;
    case PayloadShape::kFlat:
      middle_ = absl::StrCat("{\"", metric, "\":");
      tail_ = "}";
      break;
    case PayloadShape::kNested:
      middle_ = absl::StrCat("{\"sensor\":{\"", metric, "\":");
      tail_ = "}}";
      break;
    case PayloadShape::kValue:
      middle_ = "{\"value\":";
      tail_ = "}";
      break;
    case PayloadShape::kNumber:
      break;
    case PayloadShape::kArray:
      head_ = "[{\"ts\":";
      middle_ = absl::StrCat(",\"values\":{\"", metric, "\":");
      tail_ = "}}]";
      break;
    case PayloadShape::kSenml:
      head_ = absl::StrCat("[{\"n\":\"", metric, "\",\"t\":");
      middle_ = ",\"v\":";
      tail_ = "}]";
      break;
  }
}

void Payload::Append(int64_t thousandths, int64_t tag, int64_t time_ms, std::string* out) const {
  const size_t begin = out->size();
  if (!head_.empty()) {
    out->append(head_);
    if (options_.shape == PayloadShape::kSenml) {
      // SenML counts in seconds.
      absl::StrAppend(out, time_ms / 1000, ".", absl::Dec(time_ms % 1000, absl::kZeroPad3));
    } else {
      absl::StrAppend(out, time_ms);
    }
  }
  out->append(middle_);
  AppendTagged(thousandths, tag, out);
  Pad(begin, out);
  out->append(tail_);
}

void Payload::Pad(size_t begin, std::string* out) const {
  const int64_t missing =
      options_.min_bytes - static_cast<int64_t>(out->size() - begin + tail_.size());
  if (missing <= 0) return;
  if (options_.shape == PayloadShape::kNumber) {
    out->append(missing, ' ');
    return;
  }
  const bool senml = options_.shape == PayloadShape::kSenml;
  const absl::string_view before = senml ? "},{\"n\":\"pad\",\"vs\":\"" : ",\"pad\":\"";
  out->append(before.data(), before.size());
  const int64_t around = static_cast<int64_t>(before.size()) + 1;
  out->append(std::max<int64_t>(0, missing - around), 'x');
  out->push_back('"');
}

}  // namespace sluice::fleetsim
