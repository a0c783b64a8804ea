#include "libs/rpc/stream_gate.h"

#include "absl/strings/str_cat.h"

namespace sluice::rpc {

StreamGate::Pass::~Pass() {
  if (gate_ == nullptr) return;
  absl::MutexLock lock(&gate_->mutex_);
  --gate_->open_;
}

absl::StatusOr<StreamGate::Pass> StreamGate::Enter() {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return absl::UnavailableError("the service is shutting down");
  if (open_ >= max_streams_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", max_streams_, " streams (grpc.max_streams) are in use"));
  }
  ++open_;
  return Pass(this);
}

void StreamGate::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

bool StreamGate::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

int StreamGate::open() const {
  absl::MutexLock lock(&mutex_);
  return open_;
}

}  // namespace sluice::rpc
