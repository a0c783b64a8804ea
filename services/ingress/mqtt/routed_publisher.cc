#include "services/ingress/mqtt/routed_publisher.h"

#include <utility>

#include "libs/device_id/device_id.h"
#include "services/ingress/mqtt/topic.h"

namespace sluice::ingress {

void RoutedPublisher::Heard(absl::string_view topic, size_t broker, bool retained) {
  // With one broker there is nothing to remember.
  if (brokers_.size() < 2) return;
  const absl::string_view device_id = DeviceIdIn(topic);
  if (!ValidateId(device_id, "device id").ok()) return;
  absl::MutexLock lock(&mutex_);
  const auto it = routes_.find(device_id);
  if (it != routes_.end()) {
    if (!retained) it->second = broker;
    return;
  }
  // The first broker needs an entry only against what others have retained, and that is seldom.
  if (broker == 0 && retained) return;
  if (routes_.size() >= kMaxRoutes) {
    ++dropped_;
    routes_.erase(routes_.begin());
  }
  routes_.emplace(device_id, broker);
}

absl::Status RoutedPublisher::Publish(Publication publication,
                                      std::function<void(absl::Status)> done) {
  size_t broker = 0;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = routes_.find(DeviceIdIn(publication.topic));
    if (it != routes_.end()) broker = it->second;
  }
  return brokers_[broker]->Publish(std::move(publication), std::move(done));
}

int64_t RoutedPublisher::dropped() const {
  absl::MutexLock lock(&mutex_);
  return dropped_;
}

}  // namespace sluice::ingress
