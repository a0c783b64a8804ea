#ifndef SLUICE_SERVICES_INGRESS_MQTT_RECONNECT_DELAY_H_
#define SLUICE_SERVICES_INGRESS_MQTT_RECONNECT_DELAY_H_

#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace sluice::ingress {

// How long to wait before each try to connect again: the first within 1 s, then about twice as long
// each time, never over 30 s, each with jitter so that many clients do not come back at once.
// Not thread-safe.
class ReconnectDelay {
 public:
  explicit ReconnectDelay(uint64_t seed) : random_(seed) {}

  // The wait before the next try.
  absl::Duration Next();

  // After a connection that worked: the next wait is a first one again.
  void Reset() { ceiling_ = kFirst; }

  static constexpr absl::Duration kFirst = absl::Seconds(1);
  static constexpr absl::Duration kMax = absl::Seconds(30);

 private:
  std::mt19937_64 random_;
  absl::Duration ceiling_ = kFirst;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_RECONNECT_DELAY_H_
