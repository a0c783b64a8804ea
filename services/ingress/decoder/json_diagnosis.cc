#include "services/ingress/decoder/json_diagnosis.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/ingress/decoder/json_number.h"
#include "services/ingress/decoder/text.h"

namespace sluice::ingress {
namespace {

// A strict reader that stops at the first fault.
class Diagnosis {
 public:
  Diagnosis(absl::string_view text, int max_nesting) : text_(text), max_nesting_(max_nesting) {}

  std::string Find() {
    const size_t valid = ValidUtf8Prefix(text_);
    if (valid < text_.size()) return absl::StrCat("byte ", valid, ": is not UTF-8");
    if (Value(0)) {
      SkipSpace();
      if (at_ < text_.size()) Fault("something follows the end of the JSON");
    }
    return fault_.empty() ? "is not valid JSON" : fault_;
  }

 private:
  bool Fault(absl::string_view what) {
    fault_ = absl::StrCat("byte ", at_, path_.empty() ? "" : absl::StrCat(" (", Quote(path_), ")"),
                          ": ", what);
    return false;
  }

  bool AtEnd() const { return at_ >= text_.size(); }
  char Next() const { return AtEnd() ? '\0' : text_[at_]; }
  void SkipSpace() {
    while (Next() == ' ' || Next() == '\t' || Next() == '\r' || Next() == '\n') ++at_;
  }

  bool Value(int depth) {
    SkipSpace();
    if (AtEnd()) return Fault("a value is missing");
    const char first = text_[at_];
    if ((first == '{' || first == '[') && depth >= max_nesting_) {
      return Fault(absl::StrCat("is nested deeper than ", max_nesting_, " levels"));
    }
    if (first == '{') return Object(depth);
    if (first == '[') return Array(depth);
    if (first == '"') return String(nullptr);
    return Word();
  }

  bool Object(int depth) {
    ++at_;
    SkipSpace();
    if (Next() == '}') return ++at_, true;
    while (true) {
      SkipSpace();
      if (Next() != '"') return Fault("a key in double quotes is missing");
      std::string key;
      if (!String(&key)) return false;
      const size_t length_before = path_.size();
      absl::StrAppend(&path_, path_.empty() ? "" : ".", key);
      SkipSpace();
      if (Next() != ':') return Fault("a ':' is missing after the key");
      ++at_;
      if (!Value(depth + 1)) return false;
      path_.resize(length_before);
      SkipSpace();
      if (Next() == '}') return ++at_, true;
      if (Next() != ',')
        return Fault(AtEnd() ? "an object is not closed" : "',' or '}' is missing");
      ++at_;
    }
  }

  bool Array(int depth) {
    ++at_;
    SkipSpace();
    if (Next() == ']') return ++at_, true;
    while (true) {
      if (!Value(depth + 1)) return false;
      SkipSpace();
      if (Next() == ']') return ++at_, true;
      if (Next() != ',') return Fault(AtEnd() ? "an array is not closed" : "',' or ']' is missing");
      ++at_;
    }
  }

  // Stands on the opening quote. `raw` gets the text between the quotes, escapes as they are.
  bool String(std::string* raw) {
    const size_t begin = ++at_;
    while (Next() != '"' || AtEnd()) {
      if (AtEnd()) return Fault("a text is not closed");
      if (static_cast<unsigned char>(text_[at_]) < 0x20) {
        return Fault("a control character in a text is not escaped");
      }
      if (text_[at_] == '\\' && !Escape()) return Fault("a text holds an illegal escape");
      ++at_;
    }
    if (raw != nullptr) *raw = std::string(text_.substr(begin, at_ - begin));
    ++at_;
    return true;
  }

  // Stands on a backslash; moves to the escape's last character.
  bool Escape() {
    const absl::string_view rest = text_.substr(at_ + 1);
    if (rest.empty()) return false;
    if (rest[0] != 'u') {
      ++at_;
      return absl::string_view("\"\\/bfnrt").find(rest[0]) != absl::string_view::npos;
    }
    int unit = 0;
    if (!Unit(rest, &unit)) return false;
    at_ += 5;
    if (unit >= 0xdc00 && unit <= 0xdfff) return false;
    if (unit < 0xd800 || unit > 0xdbff) return true;
    // A high surrogate needs its low one.
    const absl::string_view second = text_.substr(at_ + 1);
    if (second.empty() || second[0] != '\\' || !Unit(second.substr(1), &unit)) return false;
    if (unit < 0xdc00 || unit > 0xdfff) return false;
    at_ += 6;
    return true;
  }

  // Reads `uXXXX`.
  static bool Unit(absl::string_view text, int* unit) {
    if (text.size() < 5 || text[0] != 'u') return false;
    *unit = 0;
    for (int i = 1; i < 5; ++i) {
      const char c = absl::ascii_tolower(static_cast<unsigned char>(text[i]));
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
      *unit = *unit * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
  }

  // Anything that is no object, array or text.
  bool Word() {
    const size_t end = text_.find_first_of(" \t\r\n,:[]{}\"", at_);
    const absl::string_view word = text_.substr(at_, end - at_);
    if (word.empty()) return Fault("a value is missing");
    if (word != "true" && word != "false" && word != "null") {
      const auto number = ParseJsonNumber(word);
      if (const auto* error = absl::get_if<NumberError>(&number)) {
        return Fault(absl::StrCat(Quote(word), " ", Describe(*error)));
      }
    }
    at_ += word.size();
    return true;
  }

  const absl::string_view text_;
  const int max_nesting_;
  size_t at_ = 0;
  std::string path_;
  std::string fault_;
};

}  // namespace

std::string DiagnoseJson(absl::string_view text, int max_nesting) {
  return Diagnosis(text, max_nesting).Find();
}

}  // namespace sluice::ingress
