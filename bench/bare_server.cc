// What gRPC can do by itself, in the place of Sluice's services: the same methods with messages of
// the same size, answered from memory. Usage: bare_server RECORDS BATCH. Writes its address to
// stdout and runs until SIGTERM.
//
// SubscribeTelemetry sends responses of 1,000 records that were encoded at the start, over and
// over. GetDevice and UpdateDevice answer with one device. WatchDevices sends that device once for
// each UpdateDevice.

#include <grpcpp/server_builder.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "bench/samples.h"
#include "sluice/v1/registry_service.grpc.pb.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace sluice::bench {
namespace {

class Telemetry final : public v1::TelemetryService::WithRawCallbackMethod_SubscribeTelemetry<
                            v1::TelemetryService::Service> {
 public:
  Telemetry(int64_t records, int64_t batch_records) {
    for (int64_t first = 0; first < records; first += batch_records) {
      v1::SubscribeTelemetryResponse response;
      response.set_journal_id("00112233445566778899aabbccddeeff");
      response.set_next_offset(first + batch_records);
      for (int64_t i = first; i < first + batch_records; ++i) {
        v1::Telemetry* const telemetry = response.add_telemetry();
        *telemetry = SampleTelemetry(i);
        telemetry->set_offset(i);
      }
      const grpc::Slice bytes(response.SerializeAsString());
      responses_.emplace_back(&bytes, 1);
    }
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* SubscribeTelemetry(grpc::CallbackServerContext*,
                                                                 const grpc::ByteBuffer*) override {
    class Reactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
     public:
      explicit Reactor(const std::vector<grpc::ByteBuffer>& responses) : responses_(responses) {
        Write();
      }
      void OnWriteDone(bool ok) override { ok ? Write() : Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }

     private:
      void Write() { StartWrite(&responses_[next_++ % responses_.size()]); }

      const std::vector<grpc::ByteBuffer>& responses_;
      size_t next_ = 0;
    };
    return new Reactor(responses_);
  }

 private:
  std::vector<grpc::ByteBuffer> responses_;
};

// A device as the registry shows it.
v1::Device ShownDevice() {
  v1::Device device = SampleDevice(0);
  device.set_status(v1::DEVICE_STATUS_UNKNOWN);
  device.mutable_create_time()->set_seconds(1'750'000'000);
  device.mutable_create_time()->set_nanos(123'456'000);
  *device.mutable_update_time() = device.create_time();
  device.set_etag("637b7a3f1a2c0");
  return device;
}

using RegistryMethods = v1::RegistryService::WithCallbackMethod_GetDevice<
    v1::RegistryService::WithCallbackMethod_UpdateDevice<
        v1::RegistryService::WithCallbackMethod_WatchDevices<v1::RegistryService::Service>>>;

class Registry final : public RegistryMethods {
 public:
  grpc::ServerUnaryReactor* GetDevice(grpc::CallbackServerContext* context,
                                      const v1::GetDeviceRequest*, v1::Device* response) override {
    *response = device_;
    return Finished(context);
  }

  grpc::ServerUnaryReactor* UpdateDevice(grpc::CallbackServerContext* context,
                                         const v1::UpdateDeviceRequest*,
                                         v1::Device* response) override {
    *response = device_;
    absl::MutexLock lock(&mutex_);
    for (Watcher* const watcher : watchers_) watcher->Tell();
    return Finished(context);
  }

  grpc::ServerWriteReactor<v1::WatchDevicesResponse>* WatchDevices(
      grpc::CallbackServerContext*, const v1::WatchDevicesRequest*) override {
    auto* const watcher = new Watcher(this);
    absl::MutexLock lock(&mutex_);
    watchers_.insert(watcher);
    return watcher;
  }

 private:
  class Watcher final : public grpc::ServerWriteReactor<v1::WatchDevicesResponse> {
   public:
    explicit Watcher(Registry* registry) : registry_(registry) {
      message_.set_synced(true);
      StartWrite(&message_);
    }

    void Tell() {
      absl::MutexLock lock(&mutex_);
      ++untold_;
      if (!writing_) Write();
    }

    void OnWriteDone(bool ok) override {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) {
        Finish(grpc::Status::CANCELLED);
        untold_ = INT64_MIN;
      } else if (untold_ > 0) {
        Write();
      }
    }

    void OnCancel() override {
      absl::MutexLock lock(&mutex_);
      if (!writing_ && untold_ >= 0) Finish(grpc::Status::CANCELLED);
      untold_ = INT64_MIN;
    }

    void OnDone() override {
      {
        absl::MutexLock lock(&registry_->mutex_);
        registry_->watchers_.erase(this);
      }
      delete this;
    }

   private:
    void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      if (untold_ < 0) return;
      *message_.mutable_upserted() = registry_->device_;
      --untold_;
      writing_ = true;
      StartWrite(&message_);
    }

    Registry* const registry_;
    absl::Mutex mutex_;
    v1::WatchDevicesResponse message_;
    bool writing_ ABSL_GUARDED_BY(mutex_) = true;
    int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
  };

  static grpc::ServerUnaryReactor* Finished(grpc::CallbackServerContext* context) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  const v1::Device device_ = ShownDevice();
  absl::Mutex mutex_;
  absl::flat_hash_set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bare_server RECORDS BATCH\n");
    return 2;
  }
  sluice::bench::Telemetry telemetry(std::atoll(argv[1]), std::atoll(argv[2]));
  sluice::bench::Registry registry;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&telemetry);
  builder.RegisterService(&registry);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  server->Wait();
}
