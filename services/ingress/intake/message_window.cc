#include "services/ingress/intake/message_window.h"

#include <xxhash.h>

#include <algorithm>
#include <random>

namespace sluice::ingress {

// Of this process alone, so that nobody can look for ids that collide.
MessageWindow::MessageWindow(const Options& options)
    : options_(options), seed_(uint64_t{std::random_device()()} << 32 | std::random_device()()) {}

absl::uint128 MessageWindow::KeyOf(absl::string_view device_id,
                                   absl::string_view message_id) const {
  const uint64_t device = XXH3_64bits_withSeed(device_id.data(), device_id.size(), seed_);
  const XXH128_hash_t key = XXH3_128bits_withSeed(message_id.data(), message_id.size(), device);
  return absl::MakeUint128(key.high64, key.low64);
}

absl::optional<int64_t> MessageWindow::WriteOnce(
    absl::string_view device_id, absl::string_view message_id, absl::Duration uptime,
    absl::FunctionRef<absl::optional<int64_t>()> write) {
  const absl::uint128 key = KeyOf(device_id, message_id);
  absl::MutexLock lock(&mutex_);
  Expire(uptime);
  const auto it = offsets_.find(key);
  if (it != offsets_.end()) return it->second;
  const absl::optional<int64_t> offset = write();
  if (offset.has_value() && Add(key, *offset, now_)) ++evicted_;
  return absl::nullopt;
}

void MessageWindow::Remember(absl::string_view device_id, absl::string_view message_id,
                             absl::Duration uptime, int64_t offset) {
  const absl::uint128 key = KeyOf(device_id, message_id);
  absl::MutexLock lock(&mutex_);
  Expire(uptime);
  Add(key, offset, now_);
}

bool MessageWindow::Add(absl::uint128 key, int64_t offset, absl::Duration seen) {
  if (options_.max_messages == 0) return false;
  const bool is_full = entries_.size() >= options_.max_messages;
  if (is_full) DropOldest();
  entries_.push_back({key, offset, seen});
  offsets_[key] = offset;
  return is_full;
}

void MessageWindow::DropOldest() {
  // The same message may have been written again, when the window did not hold it.
  const auto it = offsets_.find(entries_.front().key);
  if (it != offsets_.end() && it->second == entries_.front().offset) offsets_.erase(it);
  entries_.pop_front();
}

void MessageWindow::Expire(absl::Duration uptime) {
  now_ = std::max(now_, uptime);
  while (!entries_.empty() && now_ - entries_.front().seen > options_.max_age) DropOldest();
}

MessageWindow::Stats MessageWindow::stats() const {
  absl::MutexLock lock(&mutex_);
  Stats stats;
  stats.messages = static_cast<int64_t>(offsets_.size());
  stats.evicted = evicted_;
  return stats;
}

}  // namespace sluice::ingress
