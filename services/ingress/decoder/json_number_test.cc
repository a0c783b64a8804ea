#include "services/ingress/decoder/json_number.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace sluice::ingress {
namespace {

int64_t Whole(absl::string_view text) { return absl::get<int64_t>(ParseJsonNumber(text)); }
double Fraction(absl::string_view text) { return absl::get<double>(ParseJsonNumber(text)); }
NumberError Error(absl::string_view text) { return absl::get<NumberError>(ParseJsonNumber(text)); }

TEST(JsonNumberTest, KeepsWholeNumbersExact) {
  EXPECT_EQ(Whole("0"), 0);
  EXPECT_EQ(Whole("-0"), 0);
  EXPECT_EQ(Whole("9007199254740993"), 9007199254740993);  // 2^53 + 1
  EXPECT_EQ(Whole("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Whole("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Error("9223372036854775808"), NumberError::kBeyondInt64);
  EXPECT_EQ(Error("-9223372036854775809"), NumberError::kBeyondInt64);
  EXPECT_EQ(Error(std::string(5000, '9')), NumberError::kBeyondInt64);
}

TEST(JsonNumberTest, ReadsFractionsAndExponents) {
  EXPECT_EQ(Fraction("21.5"), 21.5);
  EXPECT_EQ(Fraction("1.0"), 1.0);
  EXPECT_EQ(Fraction("-1e3"), -1000.0);
  EXPECT_EQ(Fraction("1.5E+2"), 150.0);
  EXPECT_EQ(Fraction("1e-999"), 0.0);
  EXPECT_EQ(Error("1e999"), NumberError::kBeyondDouble);
  EXPECT_EQ(Error("-1e999"), NumberError::kBeyondDouble);
  EXPECT_EQ(Error(std::string(400, '9') + ".0"), NumberError::kBeyondDouble);
}

TEST(JsonNumberTest, RefusesWhatJsonDoesNotCallANumber) {
  for (const char* bad :
       {"",    "-",   "+1",  "01",       "-01",       ".5",  "5.",    "1e",  "1e+", "1.e3", "0x10",
        "1 2", "NaN", "nan", "Infinity", "-Infinity", "inf", "1_000", "1,5", "1f",  " 1"}) {
    const auto number = ParseJsonNumber(bad);
    ASSERT_TRUE(absl::holds_alternative<NumberError>(number)) << bad;
    EXPECT_EQ(absl::get<NumberError>(number), NumberError::kNotANumber) << bad;
  }
}

}  // namespace
}  // namespace sluice::ingress
