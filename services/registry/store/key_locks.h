#ifndef SLUICE_SERVICES_REGISTRY_STORE_KEY_LOCKS_H_
#define SLUICE_SERVICES_REGISTRY_STORE_KEY_LOCKS_H_

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace sluice::registry {

// Keeps read, decide, write of one device (and its commands) together, while writes of other
// devices go to disk at the same time and share an fsync. Keys that hash alike share a lock.
// Thread-safe.
class KeyLocks {
 public:
  // Holds its keys until destroyed. A thread holds one at a time.
  class Hold {
   public:
    Hold(Hold&& other) noexcept = default;
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    friend class KeyLocks;
    explicit Hold(std::vector<absl::Mutex*> held) : held_(std::move(held)) {}
    std::vector<absl::Mutex*> held_;
  };

  // Waits for all of `keys`; never deadlocks with another Lock, whatever the order of the keys.
  Hold Lock(const std::vector<absl::string_view>& keys);

 private:
  static constexpr size_t kLocks = 64;
  std::array<absl::Mutex, kLocks> locks_;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_STORE_KEY_LOCKS_H_
