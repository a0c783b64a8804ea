#ifndef SLUICE_SERVICES_INGRESS_MQTT_ROUTED_PUBLISHER_H_
#define SLUICE_SERVICES_INGRESS_MQTT_ROUTED_PUBLISHER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/mqtt/publish.h"

namespace sluice::ingress {

// Publishes to a device at the broker where it was heard from last; to one not heard from yet, at
// the first broker. What is remembered is in memory alone: the statuses that brokers keep bring it
// back after a start. Bounded: beyond kMaxRoutes, devices of further brokers count as not heard
// from. Thread-safe.
class RoutedPublisher final : public Publisher {
 public:
  static constexpr size_t kMaxRoutes = 200'000;

  // At least one; all of them outlive it.
  explicit RoutedPublisher(std::vector<Publisher*> brokers) : brokers_(std::move(brokers)) {}

  // A message of the device came by that broker. `topic`: devices/ID/….
  void Heard(absl::string_view topic, size_t broker);

  absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) override;

  // Devices that were not remembered since kMaxRoutes were.
  int64_t dropped() const;

 private:
  const std::vector<Publisher*> brokers_;
  mutable absl::Mutex mutex_;
  // Of the devices of all brokers but the first.
  absl::flat_hash_map<std::string, size_t> routes_ ABSL_GUARDED_BY(mutex_);
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_ROUTED_PUBLISHER_H_
