#include "services/ingress/decoder/json_number.h"

#include <charconv>
#include <cmath>
#include <system_error>

#include "absl/strings/numbers.h"

namespace sluice::ingress {
namespace {

size_t CountDigits(absl::string_view text) {
  size_t n = 0;
  while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
  return n;
}

enum class Form { kNone, kWhole, kFraction };

Form FormOf(absl::string_view text) {
  Form form = Form::kWhole;
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  const size_t whole = CountDigits(text);
  if (whole == 0 || (whole > 1 && text[0] == '0')) return Form::kNone;
  text.remove_prefix(whole);
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    const size_t fraction = CountDigits(text);
    if (fraction == 0) return Form::kNone;
    text.remove_prefix(fraction);
    form = Form::kFraction;
  }
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
    const size_t exponent = CountDigits(text);
    if (exponent == 0) return Form::kNone;
    text.remove_prefix(exponent);
    form = Form::kFraction;
  }
  return text.empty() ? form : Form::kNone;
}

}  // namespace

const char* Describe(NumberError error) {
  switch (error) {
    case NumberError::kBeyondInt64:
      return "is a whole number beyond the range of int64";
    case NumberError::kBeyondDouble:
      return "is beyond the range of a double";
    case NumberError::kNotANumber:
      break;
  }
  return "is not a value as JSON writes it";
}

absl::variant<int64_t, double, NumberError> ParseJsonNumber(absl::string_view text) {
  const Form form = FormOf(text);
  if (form == Form::kNone) return NumberError::kNotANumber;
  const char* const end = text.data() + text.size();
  if (form == Form::kWhole) {
    int64_t value = 0;
    if (std::from_chars(text.data(), end, value).ec != std::errc()) {
      return NumberError::kBeyondInt64;
    }
    return value;
  }
  double value = 0;
  if (std::from_chars(text.data(), end, value).ec == std::errc()) return value;
  // Too large or too small: unlike from_chars, SimpleAtod tells which.
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) return NumberError::kBeyondDouble;
  return value;
}

}  // namespace sluice::ingress
