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
// back after a start. Bounded: beyond kMaxRoutes, another device of a further broker is forgotten
// for a new one. Thread-safe.
class RoutedPublisher final : public Publisher {
 public:
  static constexpr size_t kMaxRoutes = 200'000;

  // At least one; all of them outlive it.
  explicit RoutedPublisher(std::vector<Publisher*> brokers) : brokers_(std::move(brokers)) {}

  // A message on the topic `devices/ID/…` came by that broker and was taken in. One that the broker
  // had `retained` says where the device once was: it counts only as long as nothing newer is
  // known.
  void Heard(absl::string_view topic, size_t broker, bool retained);

  absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) override;

  // Devices that were forgotten since kMaxRoutes were remembered.
  int64_t dropped() const;

 private:
  const std::vector<Publisher*> brokers_;
  mutable absl::Mutex mutex_;
  // Where each device was heard from last.
  absl::flat_hash_map<std::string, size_t> routes_ ABSL_GUARDED_BY(mutex_);
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_ROUTED_PUBLISHER_H_
