#include "tools/sluicectl/interruption.h"

#include <utility>

namespace sluice::sluicectl {

void Interruption::Raise(int signal) {
  absl::MutexLock lock(&mutex_);
  if (signal_ != 0) return;
  signal_ = signal;
  if (listener_) listener_();
}

int Interruption::signal() const {
  absl::MutexLock lock(&mutex_);
  return signal_;
}

bool Interruption::WaitFor(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  const auto raised = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return signal_ != 0; };
  return mutex_.AwaitWithTimeout(absl::Condition(&raised), timeout);
}

Interruption::Listener::Listener(Interruption* interruption, std::function<void()> listener)
    : interruption_(interruption) {
  absl::MutexLock lock(&interruption_->mutex_);
  interruption_->listener_ = std::move(listener);
  if (interruption_->signal_ != 0) interruption_->listener_();
}

Interruption::Listener::~Listener() {
  absl::MutexLock lock(&interruption_->mutex_);
  interruption_->listener_ = nullptr;
}

}  // namespace sluice::sluicectl
