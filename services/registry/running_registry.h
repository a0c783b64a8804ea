#ifndef SLUICE_SERVICES_REGISTRY_RUNNING_REGISTRY_H_
#define SLUICE_SERVICES_REGISTRY_RUNNING_REGISTRY_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "libs/clock/fake_clock.h"
#include "services/registry/config.h"
#include "services/registry/registry.h"
#include "sluice/v1/command_service.grpc.pb.h"
#include "sluice/v1/registry_service.grpc.pb.h"

namespace sluice::registry {

// For tests: the real service on a free port of this process, with real stubs and a clock that the
// test turns. Its directory is new for each test and survives Stop and Start.
class RunningRegistry {
 public:
  explicit RunningRegistry(config::v1::RegistryConfig config = DefaultConfig())
      : config_(std::move(config)) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string dir = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", test->name());
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    config_.set_data_dir(dir);
    Start();
  }
  ~RunningRegistry() { Stop(); }

  void Start() {
    metrics_ = std::make_unique<prometheus::Registry>();
    streams_ = std::make_unique<rpc::StreamGate>(config_.grpc().max_streams());
    auto service = Registry::Create(config_, {&clock_, metrics_.get(), streams_.get()});
    ASSERT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(static_cast<int>(config_.grpc().max_message_bytes()));
    for (const rpc::GrpcService& service : service_->GrpcServices()) {
      builder.RegisterService(service.service);
    }
    server_ = builder.BuildAndStart();
    const auto channel =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    devices_ = v1::RegistryService::NewStub(channel);
    commands_ = v1::CommandService::NewStub(channel);
  }

  // As RunService ends it.
  void Stop() {
    if (service_ == nullptr) return;
    streams_->Stop();
    service_->BeginShutdown();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(3));
    service_->Finish();
    server_.reset();
    service_.reset();
  }

  v1::RegistryService::Stub& devices() { return *devices_; }
  v1::CommandService::Stub& commands() { return *commands_; }
  FakeClock& clock() { return clock_; }
  rpc::StreamGate& streams() { return *streams_; }
  prometheus::Registry& metrics() { return *metrics_; }
  rpc::Service& service() { return *service_; }

  // The value of a metric, the sum over its labels or of the one with that label value.
  double Metric(const std::string& name, const std::string& label = "") const {
    double sum = 0;
    for (const auto& family : metrics_->Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        if (label.empty() || (!metric.label.empty() && metric.label[0].value == label)) {
          sum += metric.gauge.value + metric.counter.value;
        }
      }
    }
    return sum;
  }

 private:
  config::v1::RegistryConfig config_;
  FakeClock clock_;
  std::unique_ptr<prometheus::Registry> metrics_;
  std::unique_ptr<rpc::StreamGate> streams_;
  std::unique_ptr<rpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::RegistryService::Stub> devices_;
  std::unique_ptr<v1::CommandService::Stub> commands_;
};

// Waits until `condition` holds; false if it does not within 20 s.
inline bool Eventually(const std::function<bool()>& condition) {
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  absl::Mutex mutex;
  absl::CondVar nobody_signals;
  while (!condition()) {
    if (absl::Now() > give_up) return false;
    absl::MutexLock lock(&mutex);
    nobody_signals.WaitWithTimeout(&mutex, absl::Milliseconds(5));
  }
  return true;
}

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_RUNNING_REGISTRY_H_
