// Calls a gRPC echo of its own, by TCP, so many times, one after the other, and prints how long a
// call took as JSON. Usage: echo_latency CALLS.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "sluice/v1/registry_service.grpc.pb.h"

namespace {

using sluice::v1::Device;
using sluice::v1::GetDeviceRequest;
using sluice::v1::RegistryService;

class Echo final : public RegistryService::WithCallbackMethod_GetDevice<RegistryService::Service> {
  grpc::ServerUnaryReactor* GetDevice(grpc::CallbackServerContext* context,
                                      const GetDeviceRequest* request, Device* response) override {
    response->set_id(request->device_id());
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int calls = argc == 2 ? std::atoi(argv[1]) : 0;
  if (calls < 1) {
    std::fprintf(stderr, "usage: echo_latency CALLS\n");
    return 2;
  }
  Echo echo;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  const auto stub = RegistryService::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  GetDeviceRequest request;
  request.set_device_id("sim-00001");
  std::vector<double> times_ms;
  for (int i = 0; i < calls; ++i) {
    grpc::ClientContext context;
    Device response;
    const auto began = std::chrono::steady_clock::now();
    if (!stub->GetDevice(&context, request, &response).ok()) return 1;
    times_ms.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
            .count());
  }
  std::sort(times_ms.begin(), times_ms.end());
  std::printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", times_ms[times_ms.size() / 2],
              times_ms[times_ms.size() * 99 / 100]);
}
