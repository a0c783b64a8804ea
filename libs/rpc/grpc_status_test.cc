#include "libs/rpc/grpc_status.h"

#include <gtest/gtest.h>

#include "libs/status/field_violation.h"

namespace sluice::rpc {
namespace {

TEST(GrpcStatusTest, KeepsCodeMessageAndDetailsBothWays) {
  const absl::Status before = InvalidField("page_size", "is -1");
  const grpc::Status wire = ToGrpc(before);
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(wire.error_message(), "page_size: is -1");
  EXPECT_EQ(FromGrpc(wire), before);
}

TEST(GrpcStatusTest, KeepsEveryCode) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status before(static_cast<absl::StatusCode>(code), code == 0 ? "" : "why");
    EXPECT_EQ(static_cast<int>(ToGrpc(before).error_code()), code);
    EXPECT_EQ(FromGrpc(ToGrpc(before)), before);
  }
}

}  // namespace
}  // namespace sluice::rpc
