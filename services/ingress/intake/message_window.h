#ifndef SLUICE_SERVICES_INGRESS_INTAKE_MESSAGE_WINDOW_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_MESSAGE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace sluice::ingress {

// Which messages were written down lately, by device and the id that the device gave the message,
// so that the same one sent again has no second effect. Bounded in number and time: the oldest goes
// first, and sent again it is written again. Keeps hashes of 128 bits in place of the ids, about
// 100 bytes of memory for each.
//
// Thread-safe: of threads that come with the same message at once, one writes it.
class MessageWindow {
 public:
  struct Options {
    // 0: none is remembered.
    size_t max_messages = 100'000;
    absl::Duration max_age = absl::Hours(1);
  };

  struct Stats {
    int64_t messages = 0;  // remembered now
    int64_t evicted = 0;   // forgotten for want of room, before their time (Remember apart)
  };

  explicit MessageWindow(const Options& options);

  // If the message was written down before: where. Else calls `write`, which says where it wrote
  // the message, or nothing if it did not, and returns nothing. `write` runs with the window
  // locked. Time runs on to `uptime` and never back.
  absl::optional<int64_t> WriteOnce(absl::string_view device_id, absl::string_view message_id,
                                    absl::Duration uptime,
                                    absl::FunctionRef<absl::optional<int64_t>()> write);

  // A message that was written at that offset and uptime, perhaps before a restart: then the uptime
  // may be negative. In the order of their offsets.
  void Remember(absl::string_view device_id, absl::string_view message_id, absl::Duration uptime,
                int64_t offset);

  const Options& options() const { return options_; }
  Stats stats() const;

 private:
  struct Entry {
    absl::uint128 key;
    int64_t offset;
    absl::Duration seen;
  };

  absl::uint128 KeyOf(absl::string_view device_id, absl::string_view message_id) const;
  // Whether the oldest had to go for it.
  bool Add(absl::uint128 key, int64_t offset, absl::Duration seen)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves the time on, and forgets what is too old.
  void Expire(absl::Duration uptime) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const uint64_t seed_;
  mutable absl::Mutex mutex_;
  // In the order they were written.
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<absl::uint128, int64_t> offsets_ ABSL_GUARDED_BY(mutex_);
  absl::Duration now_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  int64_t evicted_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_MESSAGE_WINDOW_H_
