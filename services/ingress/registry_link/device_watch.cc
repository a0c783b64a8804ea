#include "services/ingress/registry_link/device_watch.h"

#include <spdlog/spdlog.h>

#include "libs/backoff/backoff.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kLongestRetry = absl::Seconds(2);

}  // namespace

DeviceWatch::DeviceWatch(const std::shared_ptr<grpc::Channel>& channel, DeviceReplica* replica)
    : registry_(v1::RegistryService::NewStub(channel)),
      replica_(replica),
      thread_([this] { Run(); }) {}

DeviceWatch::~DeviceWatch() { Stop(); }

void DeviceWatch::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (under_way_ != nullptr) under_way_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

bool DeviceWatch::synced() const {
  absl::MutexLock lock(&mutex_);
  return synced_;
}

void DeviceWatch::Run() {
  Backoff backoff(kFirstRetry, kLongestRetry);
  bool told = false;
  while (true) {
    const grpc::Status status = WatchOnce();
    absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    if (synced_) {
      backoff.Reset();
      told = false;
    }
    synced_ = false;
    if (!told) {
      spdlog::warn(
          "the registry's devices cannot be watched ({}); trying on, with the {} known ones",
          status.error_message(), replica_->size());
      told = true;
    }
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), backoff.Next());
    if (stopping_) return;
  }
}

grpc::Status DeviceWatch::WatchOnce() {
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return grpc::Status::CANCELLED;
    under_way_ = &context;
  }
  const auto stream = registry_->WatchDevices(&context, v1::WatchDevicesRequest());
  replica_->BeginSnapshot();
  v1::WatchDevicesResponse message;
  while (stream->Read(&message)) Apply(message);
  const grpc::Status status = stream->Finish();
  absl::MutexLock lock(&mutex_);
  under_way_ = nullptr;
  return status;
}

void DeviceWatch::Apply(const v1::WatchDevicesResponse& message) {
  switch (message.change_case()) {
    case v1::WatchDevicesResponse::kUpserted:
      replica_->Put(message.upserted());
      return;
    case v1::WatchDevicesResponse::kDeletedId:
      replica_->Remove(message.deleted_id());
      return;
    case v1::WatchDevicesResponse::kSynced: {
      replica_->EndSnapshot();
      spdlog::info("watching the registry's {} devices", replica_->size());
      absl::MutexLock lock(&mutex_);
      synced_ = true;
      return;
    }
    case v1::WatchDevicesResponse::CHANGE_NOT_SET:
      return;  // of a newer registry
  }
}

}  // namespace sluice::ingress
