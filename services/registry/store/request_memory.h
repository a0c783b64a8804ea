#ifndef SLUICE_SERVICES_REGISTRY_STORE_REQUEST_MEMORY_H_
#define SLUICE_SERVICES_REGISTRY_STORE_REQUEST_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/registry/store/registry_store.h"

namespace sluice::registry {

// Remembers what the calls with a request_id of the last hour made, so that a repeated call returns
// that instead of making it again. Holds the working copy; its owner keeps each entry in the store
// in the same write as what the call made. Bounded: beyond `capacity` the oldest is forgotten
// first. Thread-safe, but find-then-remember of one key is the caller's to keep together.
class RequestMemory {
 public:
  static constexpr absl::Duration kKeep = absl::Hours(1);

  struct Entry {
    // A hash of what the first call asked for.
    uint64_t fingerprint = 0;
    // The id of what it made.
    std::string result_id;
  };

  explicit RequestMemory(size_t capacity) : capacity_(capacity) {}

  // The key of a request_id; `scope` is what it is unique in (the method, the device).
  static std::string Key(absl::string_view scope, absl::string_view request_id);

  // Nothing if the key was never remembered, or longer than kKeep ago.
  absl::optional<Entry> Find(absl::string_view key, absl::Time now) const;

  void Remember(const StoredRequest& request);

  // Forgets what is too old or too much, leaving room for one more, and returns the keys of that:
  // to be deleted from the store. At most `limit`.
  std::vector<std::string> Expire(absl::Time now, size_t limit);

  size_t size() const;

 private:
  struct Remembered {
    Entry entry;
    int64_t time_us = 0;
  };
  struct Ordered {
    std::string key;
    int64_t time_us = 0;
  };

  const size_t capacity_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Remembered> by_key_ ABSL_GUARDED_BY(mutex_);
  // Keys in the order in which they were remembered; one that was remembered anew stands there
  // twice.
  std::deque<Ordered> order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_STORE_REQUEST_MEMORY_H_
