#include "services/ingress/coap/response_code.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

TEST(ResponseCodeTest, TellsEveryRefusalApart) {
  EXPECT_EQ(ResponseCodeOf(absl::OkStatus()), CoapCode::kChanged);
  EXPECT_EQ(ResponseCodeOf(absl::InvalidArgumentError("")), CoapCode::kBadRequest);
  EXPECT_EQ(ResponseCodeOf(absl::OutOfRangeError("")), CoapCode::kRequestEntityTooLarge);
  EXPECT_EQ(ResponseCodeOf(absl::NotFoundError("")), CoapCode::kNotFound);
  EXPECT_EQ(ResponseCodeOf(absl::FailedPreconditionError("")), CoapCode::kForbidden);
  EXPECT_EQ(ResponseCodeOf(absl::UnimplementedError("")), CoapCode::kUnsupportedContentFormat);
  EXPECT_EQ(ResponseCodeOf(absl::UnavailableError("")), CoapCode::kServiceUnavailable);
  EXPECT_EQ(ResponseCodeOf(absl::ResourceExhaustedError("")), CoapCode::kServiceUnavailable);
  EXPECT_EQ(ResponseCodeOf(absl::InternalError("")), CoapCode::kInternalError);
}

TEST(ResponseCodeTest, NoResponseNamesClassesByTheirBits) {
  EXPECT_FALSE(IsSuppressed(0, CoapCode::kChanged));
  EXPECT_TRUE(IsSuppressed(2, CoapCode::kChanged));
  EXPECT_FALSE(IsSuppressed(2, CoapCode::kBadRequest));
  EXPECT_TRUE(IsSuppressed(8, CoapCode::kBadRequest));
  EXPECT_TRUE(IsSuppressed(16, CoapCode::kServiceUnavailable));
  EXPECT_TRUE(IsSuppressed(26, CoapCode::kContinue));
}

TEST(DiagnosticTest, CutsBetweenCharacters) {
  EXPECT_EQ(Diagnostic("short"), "short");
  EXPECT_EQ(Diagnostic(std::string(600, 'x')).size(), 512u);
  const std::string euros = std::string(511, 'x') + "\xe2\x82\xac";
  EXPECT_EQ(Diagnostic(euros), std::string(511, 'x'));
  EXPECT_EQ(Diagnostic(std::string(509, 'x') + "\xe2\x82\xac" + "y"),
            std::string(509, 'x') + "\xe2\x82\xac");
  EXPECT_EQ(Diagnostic(std::string(600, '\x80')), "");
}

}  // namespace
}  // namespace sluice::ingress
