#include "services/ingress/mqtt/routed_publisher.h"

#include <utility>

#include "absl/strings/strip.h"

namespace sluice::ingress {
namespace {

// The second level of `devices/ID/…`; empty if the topic is no such one.
absl::string_view DeviceIdIn(absl::string_view topic) {
  if (!absl::ConsumePrefix(&topic, "devices/")) return {};
  return topic.substr(0, topic.find('/'));
}

}  // namespace

void RoutedPublisher::Heard(absl::string_view topic, size_t broker) {
  // With one broker there is nothing to remember.
  if (brokers_.size() < 2) return;
  const absl::string_view device_id = DeviceIdIn(topic);
  absl::MutexLock lock(&mutex_);
  const auto it = routes_.find(device_id);
  if (it != routes_.end()) {
    if (broker == 0) {
      routes_.erase(it);
    } else {
      it->second = broker;
    }
  } else if (broker != 0) {
    if (routes_.size() < kMaxRoutes) {
      routes_.emplace(device_id, broker);
    } else {
      ++dropped_;
    }
  }
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
