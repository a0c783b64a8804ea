#include "services/ingress/intake/newcomers.h"

#include <algorithm>
#include <utility>

namespace sluice::ingress {

void Newcomers::Add(absl::string_view device_id) {
  absl::MutexLock lock(&mutex_);
  if (known_.contains(device_id)) return;
  if (known_.size() >= kMaxWaiting) {
    ++dropped_;
    return;
  }
  queue_.emplace_back(device_id);
  known_.emplace(device_id);
}

std::vector<std::string> Newcomers::Take(size_t max) {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> taken;
  taken.reserve(std::min(max, queue_.size()));
  while (taken.size() < max && !queue_.empty()) {
    taken.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return taken;
}

void Newcomers::Done(const std::vector<std::string>& device_ids) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& id : device_ids) known_.erase(id);
}

void Newcomers::GiveBack(const std::vector<std::string>& device_ids) {
  absl::MutexLock lock(&mutex_);
  queue_.insert(queue_.begin(), device_ids.begin(), device_ids.end());
}

size_t Newcomers::waiting() const {
  absl::MutexLock lock(&mutex_);
  return known_.size();
}

int64_t Newcomers::dropped() const {
  absl::MutexLock lock(&mutex_);
  return dropped_;
}

}  // namespace sluice::ingress
