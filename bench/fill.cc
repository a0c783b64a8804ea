// Fills a box by gRPC as fast as it takes it: registers devices with the ids that fleetsim uses,
// and lets each of them say one value of one metric in turn. Ends once all is on disk, or after
// SIGTERM what was sent is; says how many messages were acknowledged.
//
//   fill REGISTRY INGRESS PREFIX DEVICES RECORDS [ids]
//
// With `ids` each message has one, which ingress then remembers.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/rpc/channel.h"
#include "sluice/v1/registry_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace {

namespace v1 = sluice::v1;

constexpr int64_t kBatch = 1000;  // what one call may hold
std::atomic<bool> stopping{false};
// google.rpc.Code.
constexpr int kOk = 0;
constexpr int kAlreadyExists = 6;

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "fill: %s\n", why.c_str());
  std::exit(1);
}

void Register(const std::string& address, const std::string& prefix, int64_t devices) {
  const auto stub = v1::RegistryService::NewStub(sluice::rpc::MakeChannel(address));
  for (int64_t done = 0; done < devices;) {
    v1::BatchCreateDevicesRequest request;
    for (; done < devices && request.devices_size() < kBatch; ++done) {
      v1::Device* const device = request.add_devices();
      device->set_id(absl::StrFormat("%s-%05d", prefix, done + 1));
      device->mutable_sensor();
    }
    v1::BatchCreateDevicesResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub->BatchCreateDevices(&context, request, &response);
    if (!status.ok()) Fail(status.error_message());
    for (const auto& result : response.results()) {
      if (result.code() != kOk && result.code() != kAlreadyExists) Fail(result.message());
    }
  }
}

// Returns how many.
int64_t Publish(const std::string& address, const std::string& prefix, int64_t devices,
                int64_t records, bool with_ids) {
  const auto stub = v1::TelemetryService::NewStub(sluice::rpc::MakeChannel(address));
  std::mt19937_64 random(std::random_device{}());
  std::normal_distribution<double> noise(25, 0.5);
  int64_t done = 0;
  while (done < records && !stopping) {
    v1::PublishTelemetryRequest request;
    for (; done < records && request.telemetry_size() < kBatch; ++done) {
      v1::Telemetry* const telemetry = request.add_telemetry();
      telemetry->set_device_id(absl::StrFormat("%s-%05d", prefix, done % devices + 1));
      if (with_ids) telemetry->set_message_id(absl::StrCat(random()));
      v1::Reading* const reading = telemetry->add_readings();
      reading->set_metric("temperature");
      reading->set_double_value(noise(random));
    }
    v1::PublishTelemetryResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub->PublishTelemetry(&context, request, &response);
    if (!status.ok()) Fail(status.error_message());
    for (const auto& result : response.results()) {
      if (result.code() != kOk) Fail(result.message());
    }
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  const bool with_ids = argc == 7 && std::string(argv[6]) == "ids";
  if (argc != 6 && !with_ids) Fail("usage: fill REGISTRY INGRESS PREFIX DEVICES RECORDS [ids]");
  const int64_t devices = std::atoll(argv[4]);
  if (devices < 1) Fail("there must be a device");
  Register(argv[1], argv[3], devices);
  std::signal(SIGTERM, [](int) { stopping = true; });
  const int64_t acknowledged = Publish(argv[2], argv[3], devices, std::atoll(argv[5]), with_ids);
  std::printf("acknowledged %lld\n", static_cast<long long>(acknowledged));
  return 0;
}
