#include "libs/rpc/health_rpc.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>

namespace sluice::rpc {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthRpcTest : public testing::Test {
 protected:
  HealthRpcTest() : streams_(4), health_({"sluice.v1.TestService"}, &streams_) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    stub_ = Health::NewStub(server_->InProcessChannel({}));
  }
  ~HealthRpcTest() override { server_->Shutdown(); }

  grpc::StatusCode Check(const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    const auto code = stub_->Check(&context, request, &response_).error_code();
    const auto& metadata = context.GetServerTrailingMetadata();
    const auto reason = metadata.find(kHealthReasonKey);
    reason_ =
        reason == metadata.end() ? "" : std::string(reason->second.data(), reason->second.size());
    return code;
  }

  StreamGate streams_;
  HealthRpc health_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Health::Stub> stub_;
  HealthCheckResponse response_;
  std::string reason_;
};

TEST_F(HealthRpcTest, ChecksEveryNameItHasAndNoOther) {
  for (const char* name : {"", "sluice.v1.TestService"}) {
    health_.SetHealth(absl::ResourceExhaustedError("disk\nfull"));
    EXPECT_EQ(Check(name), grpc::StatusCode::OK);
    EXPECT_EQ(response_.status(), HealthCheckResponse::NOT_SERVING);
    EXPECT_EQ(reason_, "disk?full");
    health_.SetHealth(absl::OkStatus());
    EXPECT_EQ(Check(name), grpc::StatusCode::OK);
    EXPECT_EQ(response_.status(), HealthCheckResponse::SERVING);
    EXPECT_EQ(reason_, "");
  }
  EXPECT_EQ(Check("sluice.v1.OtherService"), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthRpcTest, AWatchSeesEachChangeAndEndsWithTheProcess) {
  health_.SetHealth(absl::OkStatus());
  grpc::ClientContext context;
  HealthCheckRequest request;
  const auto watch = stub_->Watch(&context, request);
  ASSERT_TRUE(watch->Read(&response_));
  EXPECT_EQ(response_.status(), HealthCheckResponse::SERVING);
  health_.SetHealth(absl::ResourceExhaustedError("disk\nfull"));
  ASSERT_TRUE(watch->Read(&response_));
  EXPECT_EQ(response_.status(), HealthCheckResponse::NOT_SERVING);
  streams_.Stop();
  EXPECT_FALSE(watch->Read(&response_));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthRpcTest, AWatchOfAnUnknownNameSaysSo) {
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("nobody");
  const auto watch = stub_->Watch(&context, request);
  ASSERT_TRUE(watch->Read(&response_));
  EXPECT_EQ(response_.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  EXPECT_FALSE(watch->Read(&response_));
}

}  // namespace
}  // namespace sluice::rpc
