// Waits for the three services that were just started, and prints when each of these came, in
// seconds of the monotonic clock, as JSON: the service's health is SERVING (`registry`, `ingress`,
// `analytics`), a subscriber has its first records
// (`subscriber`), analytics has judged something of a device (`analysis`).
//
//   await_box REGISTRY INGRESS ANALYTICS DEVICE
//
// Looks every millisecond, and at each look with a connection of its own: gRPC's would wait longer
// and longer.

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "libs/rpc/channel.h"
#include "sluice/v1/analytics_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace {

namespace v1 = sluice::v1;

constexpr absl::Duration kLook = absl::Milliseconds(1);

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// `address` is 127.0.0.1:PORT.
bool Listens(const std::string& address) {
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(address.find(':') + 1), &port)) std::exit(2);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>(port));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool listens = connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) == 0;
  close(fd);
  return listens;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  while (!Listens(address)) absl::SleepFor(kLook);
  return sluice::rpc::MakeChannel(address);
}

double AwaitServing(const std::string& address) {
  const auto stub = grpc::health::v1::Health::NewStub(Connect(address));
  while (true) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse health;
    if (stub->Check(&context, {}, &health).ok() &&
        health.status() == grpc::health::v1::HealthCheckResponse::SERVING) {
      return Now();
    }
    absl::SleepFor(kLook);
  }
}

double AwaitRecords(const std::string& address) {
  const auto stub = v1::TelemetryService::NewStub(Connect(address));
  while (true) {
    grpc::ClientContext context;
    v1::SubscribeTelemetryRequest request;
    request.mutable_start()->mutable_earliest();
    const auto stream = stub->SubscribeTelemetry(&context, request);
    for (v1::SubscribeTelemetryResponse batch; stream->Read(&batch);) {
      if (batch.telemetry_size() == 0) continue;
      context.TryCancel();
      return Now();
    }
    absl::SleepFor(kLook);
  }
}

double AwaitSeries(const std::string& address, const std::string& device) {
  const auto stub = v1::AnalyticsService::NewStub(Connect(address));
  v1::GetSeriesRequest request;
  request.set_device_id(device);
  request.set_metric("temperature");
  while (true) {
    grpc::ClientContext context;
    v1::Series series;
    if (stub->GetSeries(&context, request, &series).ok()) return Now();
    absl::SleepFor(kLook);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: await_box REGISTRY INGRESS ANALYTICS DEVICE\n");
    return 2;
  }
  double registry, ingress, analytics, subscriber, analysis;
  std::thread threads[] = {
      std::thread([&] { registry = AwaitServing(argv[1]); }),
      std::thread([&] { ingress = AwaitServing(argv[2]); }),
      std::thread([&] { analytics = AwaitServing(argv[3]); }),
      std::thread([&] { subscriber = AwaitRecords(argv[2]); }),
      std::thread([&] { analysis = AwaitSeries(argv[3], argv[4]); }),
  };
  for (std::thread& thread : threads) thread.join();
  std::printf(
      "{\"registry\": %.4f, \"ingress\": %.4f, \"analytics\": %.4f, \"subscriber\": %.4f, "
      "\"analysis\": "
      "%.4f}\n",
      registry, ingress, analytics, subscriber, analysis);
  return 0;
}
