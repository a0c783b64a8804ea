#include "services/ingress/decoder/key_set.h"

#include "absl/hash/hash.h"

namespace sluice::ingress {
namespace {

constexpr size_t kFirstSlots = 64;

}  // namespace

KeySet::KeySet() : slots_(kFirstSlots, 0) {}

bool KeySet::Insert(absl::string_view key) {
  const uint64_t hash = absl::Hash<absl::string_view>()(key);
  size_t slot = FindSlot(hash, key);
  if (slots_[slot] != 0) return false;
  if ((entries_.size() + 1) * 2 > slots_.size()) {
    Grow();
    slot = FindSlot(hash, key);
  }
  entries_.push_back({hash, bytes_.size(), key.size(), slot});
  bytes_.append(key.data(), key.size());
  slots_[slot] = static_cast<uint32_t>(entries_.size());
  return true;
}

void KeySet::Clear() {
  for (const Entry& entry : entries_) slots_[entry.slot] = 0;
  entries_.clear();
  bytes_.clear();
}

size_t KeySet::FindSlot(uint64_t hash, absl::string_view key) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  while (slots_[slot] != 0) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && absl::string_view(bytes_).substr(entry.begin, entry.size) == key) {
      break;
    }
    slot = (slot + 1) & mask;
  }
  return slot;
}

void KeySet::Grow() {
  slots_.assign(slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = entries_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i + 1);
    entries_[i].slot = slot;
  }
}

}  // namespace sluice::ingress
