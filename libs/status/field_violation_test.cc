#include "libs/status/field_violation.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"

namespace sluice {
namespace {

TEST(InvalidFieldTest, NamesTheFieldInMessageAndDetail) {
  const absl::Status status = InvalidField("device.id", "must not be empty");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "device.id: must not be empty");
  const auto payload = status.GetPayload(kBadRequestUrl);
  ASSERT_TRUE(payload.has_value());
  google::rpc::BadRequest detail;
  ASSERT_TRUE(detail.ParseFromString(std::string(*payload)));
  ASSERT_EQ(detail.field_violations_size(), 1);
  EXPECT_EQ(detail.field_violations(0).field(), "device.id");
  EXPECT_EQ(detail.field_violations(0).description(), "must not be empty");
}

}  // namespace
}  // namespace sluice
