#include "libs/rpc/metrics_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <prometheus/counter.h>

#include "absl/strings/str_cat.h"

namespace sluice::rpc {
namespace {

TEST(MetricsEndpointTest, ServesTheRegistry) {
  prometheus::Registry registry;
  prometheus::BuildCounter().Name("sluice_test_total").Register(registry).Add({}).Increment(7);
  auto endpoint = MetricsEndpoint::Start("127.0.0.1:0", &registry);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  httplib::Client client(absl::StrCat("http://", (*endpoint)->address()));
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_THAT(metrics->body, testing::HasSubstr("\nsluice_test_total 7\n"));
  const auto other = client.Get("/");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->status, 404);
}

TEST(MetricsEndpointTest, ATakenPortIsAnErrorThatNamesItsOwner) {
  prometheus::Registry registry;
  auto first = MetricsEndpoint::Start("127.0.0.1:0", &registry);
  ASSERT_TRUE(first.ok());
  const absl::Status status = MetricsEndpoint::Start((*first)->address(), &registry).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(absl::StrCat("(pid ", getpid())));
}

TEST(MetricsEndpointTest, WithoutAnAddressThereIsNone) {
  prometheus::Registry registry;
  auto endpoint = MetricsEndpoint::Start("", &registry);
  ASSERT_TRUE(endpoint.ok());
  EXPECT_EQ((*endpoint)->address(), "");
}

}  // namespace
}  // namespace sluice::rpc
