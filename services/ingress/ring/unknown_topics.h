#ifndef SLUICE_SERVICES_INGRESS_RING_UNKNOWN_TOPICS_H_
#define SLUICE_SERVICES_INGRESS_RING_UNKNOWN_TOPICS_H_

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::ingress {

// Topics under `devices/` on which something was published that nobody takes: most likely a mistake
// in a device. In memory alone: the kMaxTopics that were used last. Thread-safe.
class UnknownTopics {
 public:
  static constexpr size_t kMaxTopics = 100;

  struct Entry {
    std::string topic;
    // Sightings of it while it was kept here; the plugin shows 50 a second at most.
    int64_t sightings = 0;
    absl::Time last_time;
    // Of the last one.
    std::string client_id;
    std::string username;
  };

  void Saw(absl::string_view topic, absl::Time time, absl::string_view client_id,
           absl::string_view username);

  // The one used last first.
  std::vector<Entry> List() const;

 private:
  mutable absl::Mutex mutex_;
  // The one used last first. A hundred are quicker looked through than indexed.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_RING_UNKNOWN_TOPICS_H_
