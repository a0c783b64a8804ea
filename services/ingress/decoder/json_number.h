#ifndef SLUICE_SERVICES_INGRESS_DECODER_JSON_NUMBER_H_
#define SLUICE_SERVICES_INGRESS_DECODER_JSON_NUMBER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/variant.h"

namespace sluice::ingress {

// Why a text is no number that Sluice keeps.
enum class NumberError {
  kNotANumber,    // not a number as JSON writes it
  kBeyondInt64,   // a whole number without fraction and exponent that int64 cannot hold
  kBeyondDouble,  // too large to be finite
};

// In words: `is …`.
const char* Describe(NumberError error);

// Reads a number as RFC 8259 writes it: without fraction and exponent it stays an exact int64, with
// one it is the nearest double.
absl::variant<int64_t, double, NumberError> ParseJsonNumber(absl::string_view text);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_JSON_NUMBER_H_
