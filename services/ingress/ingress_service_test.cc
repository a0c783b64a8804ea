#include "services/ingress/ingress_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <stdlib.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"
#include "services/ingress/config.h"

namespace sluice::ingress {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

std::string NewDirectory() {
  std::string pattern = absl::StrCat(getenv("TEST_TMPDIR"), "/ingress-XXXXXX");
  return mkdtemp(pattern.data());
}

// Ingress as a process runs it, without devices and without a registry.
class RunningIngress {
 public:
  explicit RunningIngress(const config::v1::IngressConfig& config) {
    auto service = IngressService::Create(config, {&clock_, &metrics_, &streams_});
    if (!service.ok()) {
      ADD_FAILURE() << service.status();
      return;
    }
    service_ = *std::move(service);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    for (const auto& grpc : service_->GrpcServices()) builder.RegisterService(grpc.service);
    server_ = builder.BuildAndStart();
    stub_ = v1::TelemetryService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~RunningIngress() {
    if (service_ == nullptr) return;
    streams_.Stop();
    service_->BeginShutdown();
    server_->Shutdown();
    service_->Finish();
  }

  v1::TelemetryService::Stub& stub() { return *stub_; }
  rpc::Service& service() { return *service_; }
  std::string metrics() { return prometheus::TextSerializer().Serialize(metrics_.Collect()); }

  grpc::Status Publish(const v1::PublishTelemetryRequest& request,
                       v1::PublishTelemetryResponse* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return stub_->PublishTelemetry(&context, request, response);
  }
  // Offset of one reading published for the device; -1 if it was refused.
  int64_t Publish(const std::string& device) {
    v1::PublishTelemetryRequest request;
    request.add_telemetry()->set_device_id(device);
    request.mutable_telemetry(0)->add_readings()->set_metric("a");
    request.mutable_telemetry(0)->mutable_readings(0)->set_int_value(1);
    v1::PublishTelemetryResponse response;
    EXPECT_TRUE(Publish(request, &response).ok());
    return response.results_size() == 1 && response.results(0).has_offset()
               ? response.results(0).offset()
               : -1;
  }

 private:
  SystemClock clock_;
  prometheus::Registry metrics_;
  rpc::StreamGate streams_{4};
  std::unique_ptr<rpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::TelemetryService::Stub> stub_;
};

class IngressServiceTest : public ::testing::Test {
 protected:
  IngressServiceTest() : config_(DefaultConfig()) {
    config_.set_data_dir(NewDirectory());
    config_.mutable_registry()->set_address("127.0.0.1:1");
    config_.mutable_mqtt()->set_enabled(false);
    config_.mutable_coap()->set_enabled(false);
  }

  // An MQTT broker without our plugin.
  void UseBroker(const std::string& address) {
    config_.mutable_mqtt()->clear_brokers();
    config_.mutable_mqtt()->add_brokers()->set_address(address);
  }

  config::v1::IngressConfig config_;
};

TEST_F(IngressServiceTest, HandsOnWhatItAcknowledged) {
  RunningIngress ingress(config_);
  EXPECT_EQ(ingress.Publish("a"), 0);
  EXPECT_EQ(ingress.Publish("b"), 1);
  EXPECT_EQ(ingress.Publish("not legal"), -1);

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  v1::SubscribeTelemetryRequest request;
  request.set_subscription("cloud");
  request.mutable_filter()->add_device_ids("b");
  const auto stream = ingress.stub().SubscribeTelemetry(&context, request);
  v1::SubscribeTelemetryResponse response;
  std::vector<std::string> seen;
  while (response.next_offset() < 2 && stream->Read(&response)) {
    for (const auto& telemetry : response.telemetry()) {
      seen.push_back(absl::StrCat(telemetry.offset(), " ", telemetry.device_id()));
    }
  }
  EXPECT_EQ(seen, std::vector<std::string>{"1 b"});
  EXPECT_GT(response.epoch(), 0);

  grpc::ClientContext acknowledge_context;
  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_subscription("cloud");
  acknowledge.set_journal_id(response.journal_id());
  acknowledge.set_epoch(response.epoch());
  acknowledge.set_offset(response.next_offset());
  v1::AcknowledgeResponse acknowledged;
  const auto status =
      ingress.stub().AcknowledgeTelemetry(&acknowledge_context, acknowledge, &acknowledged);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(acknowledged.cursor(), 2);
  context.TryCancel();
}

TEST_F(IngressServiceTest, NumbersGoOnAfterARestart) {
  for (int64_t offset = 0; offset < 3; ++offset) {
    RunningIngress ingress(config_);
    EXPECT_EQ(ingress.Publish("a"), offset);
  }
}

TEST_F(IngressServiceTest, RefusesAnEmptyBatchAndAForeignToken) {
  RunningIngress ingress(config_);
  v1::PublishTelemetryResponse response;
  EXPECT_EQ(ingress.Publish(v1::PublishTelemetryRequest(), &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  v1::ListDeadLettersRequest request;
  request.set_page_token("nonsense");
  v1::ListDeadLettersResponse letters;
  EXPECT_EQ(ingress.stub().ListDeadLetters(&context, request, &letters).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(IngressServiceTest, KnowsItsDevicesWithoutTheRegistry) {
  config_.set_auto_register(false);
  {
    DeviceReplica replica;
    v1::Device device;
    device.set_id("known");
    replica.Put(device);
    ASSERT_TRUE(ReplaceFile(config_.data_dir() + "/devices", replica.Serialize()).ok());
  }
  RunningIngress ingress(config_);
  EXPECT_EQ(ingress.Publish("known"), 0);
  EXPECT_EQ(ingress.Publish("stranger"), -1);
}

TEST_F(IngressServiceTest, StartsWithADamagedReplica) {
  ASSERT_TRUE(ReplaceFile(config_.data_dir() + "/devices", "nonsense").ok());
  RunningIngress ingress(config_);
  EXPECT_EQ(ingress.Publish("a"), 0);
}

TEST_F(IngressServiceTest, ListensOnlyWhereItIsToldTo) {
  {
    RunningIngress ingress(config_);
    EXPECT_TRUE(ingress.service().Endpoints().empty());
  }
  config_.mutable_coap()->set_enabled(true);
  config_.mutable_coap()->set_listen("127.0.0.1:0");
  config_.mutable_mqtt()->set_enabled(true);
  UseBroker("tcp://127.0.0.1:1");
  RunningIngress ingress(config_);
  EXPECT_EQ(ingress.service().Endpoints().count("coap"), 1u);
  EXPECT_EQ(ingress.Publish("a"), 0) << "also while the broker is away";
}

TEST_F(IngressServiceTest, ShowsEveryReasonForADropFromTheStart) {
  config_.mutable_coap()->set_enabled(true);
  config_.mutable_coap()->set_listen("127.0.0.1:0");
  config_.mutable_mqtt()->set_enabled(true);
  UseBroker("tcp://127.0.0.1:1");
  RunningIngress ingress(config_);
  ingress.service().BeginShutdown();
  ingress.service().Finish();  // has updated the metrics by then
  const std::string page = ingress.metrics();
  for (const char* reason :
       {"coap_overload", "coap_receive_buffer_full", "coap_malformed_datagrams",
        "coap_unfinished_blocks", "mqtt_overload", "mqtt_unknown_topic", "mqtt_retained_telemetry",
        "mqtt_sessions_lost", "commands_unsendable", "newcomers_full", "reports_lost"}) {
    EXPECT_THAT(page, ::testing::HasSubstr(
                          absl::StrCat("sluice_dropped_total{reason=\"", reason, "\"} 0\n")));
  }
}

TEST_F(IngressServiceTest, SaysWhatKeepsItFromStarting) {
  SystemClock clock;
  prometheus::Registry metrics;
  rpc::StreamGate streams(4);
  const rpc::Environment environment{&clock, &metrics, &streams};
  config_.set_data_dir(config_.data_dir() + "/no/such");
  const auto missing = IngressService::Create(config_, environment).status();
  EXPECT_FALSE(missing.ok());
  EXPECT_NE(missing.message().find(config_.data_dir()), absl::string_view::npos) << missing;

  config_.set_data_dir(NewDirectory());
  config_.mutable_mqtt()->set_enabled(true);
  config_.mutable_mqtt()->mutable_brokers(0)->set_password_file("/no/such/file");
  const auto password = IngressService::Create(config_, environment).status();
  EXPECT_EQ(password.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(password.message().find("mqtt.brokers[0].password_file: "), 0u) << password;
}

}  // namespace
}  // namespace sluice::ingress
