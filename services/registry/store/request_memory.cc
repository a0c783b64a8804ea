#include "services/registry/store/request_memory.h"

#include "absl/strings/str_cat.h"

namespace sluice::registry {

std::string RequestMemory::Key(absl::string_view scope, absl::string_view request_id) {
  return absl::StrCat(scope, absl::string_view("\0", 1), request_id);
}

absl::optional<RequestMemory::Entry> RequestMemory::Find(absl::string_view key,
                                                         absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return absl::nullopt;
  if (now - absl::FromUnixMicros(found->second.time_us) > kKeep) return absl::nullopt;
  return found->second.entry;
}

void RequestMemory::Remember(const StoredRequest& request) {
  absl::MutexLock lock(&mutex_);
  Remembered& remembered = by_key_[request.key];
  remembered.entry = {request.fingerprint, request.result_id};
  remembered.time_us = request.time_us;
  order_.push_back({request.key, request.time_us});
}

std::vector<std::string> RequestMemory::Expire(absl::Time now, size_t limit) {
  std::vector<std::string> keys;
  absl::MutexLock lock(&mutex_);
  while (!order_.empty() && keys.size() < limit) {
    const Ordered& oldest = order_.front();
    const bool too_old = now - absl::FromUnixMicros(oldest.time_us) > kKeep;
    if (!too_old && order_.size() < capacity_) break;
    const auto found = by_key_.find(oldest.key);
    // Remembered anew since: the later place in the order speaks for it.
    if (found != by_key_.end() && found->second.time_us == oldest.time_us) {
      keys.push_back(oldest.key);
      by_key_.erase(found);
    }
    order_.pop_front();
  }
  return keys;
}

size_t RequestMemory::size() const {
  absl::MutexLock lock(&mutex_);
  return by_key_.size();
}

}  // namespace sluice::registry
