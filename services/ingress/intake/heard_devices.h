#ifndef SLUICE_SERVICES_INGRESS_INTAKE_HEARD_DEVICES_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_HEARD_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"

namespace sluice::ingress {

// Which devices were heard from and when, for the registry. In memory alone: what is lost in a
// crash comes again with the devices' next messages. Thread-safe.
//
// A status that a device gave goes to the registry another way, through the reports log, and a
// sighting says "it lives, so it is online". So that the registry never sees them in the wrong
// order, a sighting from before a status is forgotten, and one from after it waits until it was
// forwarded.
//
// When kMaxDevices are kept, a new one is not until others were not heard from for kLately.
class HeardDevices {
 public:
  static constexpr size_t kMaxDevices = 200'000;
  // How long a device counts as heard from lately.
  static constexpr absl::Duration kLately = absl::Minutes(10);

  struct Sighting {
    std::string device_id;
    absl::Time last_seen;
  };

  // `clock` must outlive it.
  explicit HeardDevices(const Clock* clock) : clock_(clock) {}

  // A message of the device came. It may be told of late: what came before the device's last status
  // says nothing any more, nor does what came at an uptime of -infinite (not known).
  void Heard(absl::string_view device_id, const Moment& received);
  // A status of the device, which came at that uptime (-infinite: not known), stands in the reports
  // log at `report_offset`.
  void StatusReported(absl::string_view device_id, absl::Duration received_uptime,
                      int64_t report_offset);

  // Takes up to `max` sightings out. All reports below `forwarded_offset` are with the registry.
  std::vector<Sighting> Take(size_t max, int64_t forwarded_offset);
  // They could not be handed on; those that nothing overtook wait again.
  void GiveBack(const std::vector<Sighting>& sightings);
  // The registry has forgotten: every device heard from lately, and not given a status since, is to
  // be told again.
  void TellAgain();

  size_t size() const;
  // Devices not kept because kMaxDevices were.
  int64_t dropped() const;

 private:
  struct Entry {
    absl::Time last_seen;
    // Uptimes: of the newest message, of the newest status, and when we were last told of one.
    absl::Duration seen_at = -absl::InfiniteDuration();
    absl::Duration status_at = -absl::InfiniteDuration();
    absl::Duration heard_at;
    // The newest status in the reports log; -1: none.
    int64_t report_offset = -1;
    // Heard from since that status.
    bool alive = false;
    // To be told to the registry.
    bool waiting = false;
    // In waiting_ (perhaps for nothing any more).
    bool listed = false;
  };
  using Devices = absl::node_hash_map<std::string, Entry>;

  // The device's entry; null if there is no room for it.
  Devices::pointer FindOrAdd(absl::string_view device_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enlist(Devices::pointer device) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetSilent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  Devices devices_ ABSL_GUARDED_BY(mutex_);
  // Pointers into devices_: an entry that is listed stays.
  std::vector<Devices::pointer> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::Duration swept_at_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_HEARD_DEVICES_H_
