#include "services/registry/store/key_locks.h"

#include <functional>
#include <string_view>

#include "absl/base/thread_annotations.h"

namespace sluice::registry {

KeyLocks::Hold KeyLocks::Lock(const std::vector<absl::string_view>& keys)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::array<bool, kLocks> wanted = {};
  for (const absl::string_view key : keys) {
    wanted[std::hash<std::string_view>()({key.data(), key.size()}) % kLocks] = true;
  }
  std::vector<absl::Mutex*> held;
  for (size_t i = 0; i < kLocks; ++i) {
    if (!wanted[i]) continue;
    locks_[i].Lock();
    held.push_back(&locks_[i]);
  }
  return Hold(std::move(held));
}

KeyLocks::Hold::~Hold() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (absl::Mutex* mutex : held_) mutex->Unlock();
}

}  // namespace sluice::registry
