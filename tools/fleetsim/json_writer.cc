#include "tools/fleetsim/json_writer.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

void AppendQuoted(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c >= ' ' && c <= '~') {
      out->push_back(c);
    } else {
      absl::StrAppend(out, "\\u", absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad4));
    }
  }
  out->push_back('"');
}

}  // namespace

void JsonWriter::NewLine() {
  if (indent_ == 0) return;
  out_->push_back('\n');
  out_->append(static_cast<size_t>(depth_) * indent_, ' ');
}

void JsonWriter::Key(absl::string_view key) {
  if (!first_) out_->push_back(',');
  first_ = false;
  NewLine();
  AppendQuoted(key, out_);
  out_->append(indent_ == 0 ? ":" : ": ");
}

JsonWriter& JsonWriter::BeginObject() {
  out_->push_back('{');
  ++depth_;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginObject(absl::string_view key) {
  Key(key);
  return BeginObject();
}

JsonWriter& JsonWriter::EndObject() {
  --depth_;
  if (!first_) NewLine();
  out_->push_back('}');
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::Member(absl::string_view key, int64_t value) {
  Key(key);
  absl::StrAppend(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Member(absl::string_view key, double value) {
  Key(key);
  if (std::isfinite(value)) {
    absl::StrAppend(out_, value);
  } else {
    out_->append("null");
  }
  return *this;
}

JsonWriter& JsonWriter::Member(absl::string_view key, bool value) {
  Key(key);
  out_->append(value ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::Member(absl::string_view key, absl::string_view value) {
  Key(key);
  AppendQuoted(value, out_);
  return *this;
}

JsonWriter& JsonWriter::Member(absl::string_view key, const std::vector<std::string>& values) {
  Key(key);
  out_->push_back('[');
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out_->append(indent_ == 0 ? "," : ", ");
    AppendQuoted(values[i], out_);
  }
  out_->push_back(']');
  return *this;
}

}  // namespace sluice::fleetsim
