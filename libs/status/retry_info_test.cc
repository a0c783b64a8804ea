#include "libs/status/retry_info.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"

namespace sluice {
namespace {

TEST(RetryInfoTest, TellsHowLongToWaitAndKeepsTheRest) {
  const absl::Status status = WithRetryInfo(absl::ResourceExhaustedError("full"), absl::Seconds(5));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "full");
  google::rpc::RetryInfo detail;
  ASSERT_TRUE(detail.ParseFromString(std::string(status.GetPayload(kRetryInfoUrl).value())));
  EXPECT_EQ(detail.retry_delay().seconds(), 5);
}

}  // namespace
}  // namespace sluice
