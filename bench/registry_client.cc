// Calls the registry's methods, many in flight on one connection, and counts what comes back.
//
//     registry_client ADDRESS fill|reads|writes IN_FLIGHT WATCHERS SECONDS
//
// fill: creates the devices that the others call for. writes: each changes a device; WATCHERS
// streams watch all devices meanwhile. Ends with a line of JSON.

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/cpu_seconds.h"
#include "bench/samples.h"
#include "libs/clock/clock.h"
#include "sluice/v1/registry_service.grpc.pb.h"

namespace sluice::bench {
namespace {

using v1::RegistryService;

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);

struct Counts {
  int64_t calls = 0;
  int64_t response_bytes = 0;
  int64_t told = 0;    // changes, by all watchers together
  int64_t synced = 0;  // watchers
};

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::_Exit(1);
}

// What is under way, as a tag of the completion queue.
class Operation {
 public:
  virtual ~Operation() = default;
  // Its last step is done: begins the next one.
  virtual void Next(bool ok) = 0;
};

// Calls one method again and again.
class Caller final : public Operation {
 public:
  Caller(RegistryService::Stub* stub, grpc::CompletionQueue* done, bool writes, Counts* counts)
      : stub_(stub), done_(done), writes_(writes), counts_(counts) {
    Start();
  }

  void Next(bool) override {
    if (!status_.ok()) Fail(status_.error_message());
    ++counts_->calls;
    counts_->response_bytes += static_cast<int64_t>(device_.ByteSizeLong());
    Start();
  }

 private:
  void Start() {
    context_ = std::make_unique<grpc::ClientContext>();
    const int64_t number = next_number_++;
    if (writes_) {
      v1::UpdateDeviceRequest request;
      request.mutable_device()->set_id(DeviceId(number));
      request.mutable_device()->set_firmware_version(absl::StrCat("1.0.", number / kDevices % 10));
      call_ = stub_->AsyncUpdateDevice(context_.get(), request, done_);
    } else {
      v1::GetDeviceRequest request;
      request.set_device_id(DeviceId(number));
      call_ = stub_->AsyncGetDevice(context_.get(), request, done_);
    }
    call_->Finish(&device_, &status_, this);
  }

  // Of all callers, so that no two of them have the same device.
  static inline int64_t next_number_ = 0;

  RegistryService::Stub* const stub_;
  grpc::CompletionQueue* const done_;
  const bool writes_;
  Counts* const counts_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::Device>> call_;
  v1::Device device_;
  grpc::Status status_;
};

// Watches all devices.
class Watcher final : public Operation {
 public:
  Watcher(RegistryService::Stub* stub, grpc::CompletionQueue* done, Counts* counts)
      : counts_(counts), stream_(stub->AsyncWatchDevices(&context_, {}, done, this)) {}

  void Next(bool ok) override {
    if (!ok) Fail("a watch has ended");
    if (message_.synced()) ++counts_->synced;
    if (message_.has_upserted()) ++counts_->told;
    stream_->Read(&message_, this);
  }

 private:
  Counts* const counts_;
  grpc::ClientContext context_;
  v1::WatchDevicesResponse message_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::WatchDevicesResponse>> stream_;
};

void Fill(RegistryService::Stub* stub) {
  v1::BatchCreateDevicesRequest request;
  for (int i = 0; i < kDevices; ++i) *request.add_devices() = SampleDevice(i);
  grpc::ClientContext context;
  v1::BatchCreateDevicesResponse response;
  const grpc::Status status = stub->BatchCreateDevices(&context, request, &response);
  if (!status.ok()) Fail(status.error_message());
}

void RunUntil(absl::Duration until, const Clock& clock, grpc::CompletionQueue* done) {
  void* tag;
  bool ok;
  while (clock.Uptime() < until) {
    const auto next = done->AsyncNext(
        &tag, &ok, std::chrono::system_clock::now() + std::chrono::milliseconds(50));
    if (next == grpc::CompletionQueue::GOT_EVENT) static_cast<Operation*>(tag)->Next(ok);
  }
}

[[noreturn]] void Measure(RegistryService::Stub* stub, bool writes, int in_flight, int watchers,
                          absl::Duration duration) {
  const SystemClock clock;
  grpc::CompletionQueue done;
  Counts counts;
  std::vector<std::unique_ptr<Watcher>> watching;
  std::vector<std::unique_ptr<Caller>> calling;
  for (int i = 0; i < watchers; ++i) {
    watching.push_back(std::make_unique<Watcher>(stub, &done, &counts));
  }
  while (counts.synced < watchers) RunUntil(clock.Uptime() + kWarmUp, clock, &done);
  for (int i = 0; i < in_flight; ++i) {
    calling.push_back(std::make_unique<Caller>(stub, &done, writes, &counts));
  }
  RunUntil(clock.Uptime() + kWarmUp, clock, &done);

  const Counts first = counts;
  const absl::Duration began = clock.Uptime();
  const double began_cpu = CpuSeconds();
  RunUntil(began + duration, clock, &done);
  const double seconds = absl::ToDoubleSeconds(clock.Uptime() - began);
  const int64_t calls = counts.calls - first.calls;
  std::printf(
      "{\"calls\": %lld, \"told\": %lld, \"response_bytes\": %lld, \"seconds\": %.6f, "
      "\"cpu_s\": %.6f}\n",
      static_cast<long long>(calls), static_cast<long long>(counts.told - first.told),
      static_cast<long long>((counts.response_bytes - first.response_bytes) /
                             std::max<int64_t>(1, calls)),
      seconds, CpuSeconds() - began_cpu);
  std::fflush(stdout);
  // Calls are still under way, and watches have no end: nobody waits for them.
  std::_Exit(0);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  const std::string what = argc == 6 ? argv[2] : "";
  const auto stub = sluice::v1::RegistryService::NewStub(
      grpc::CreateChannel(argc > 1 ? argv[1] : "", grpc::InsecureChannelCredentials()));
  if (what == "fill") {
    sluice::bench::Fill(stub.get());
    return 0;
  }
  if (what == "reads" || what == "writes") {
    sluice::bench::Measure(stub.get(), what == "writes", std::atoi(argv[3]), std::atoi(argv[4]),
                           absl::Seconds(std::atof(argv[5])));
  }
  std::fprintf(stderr,
               "usage: registry_client ADDRESS fill|reads|writes IN_FLIGHT WATCHERS SECONDS\n");
  return 2;
}
