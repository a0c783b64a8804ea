#include "services/ingress/decoder/key_set.h"

// Keys are short: the call would cost as much as the hash.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <random>

namespace sluice::ingress {
namespace {

constexpr size_t kFirstSlots = 64;
constexpr size_t kSlotsPerKey = 4;

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

KeySet::KeySet() : seed_(RandomSeed()), slots_(kFirstSlots, 0) {}

bool KeySet::InsertInTable(absl::string_view key) {
  if (entries_.size() == kFew) FillTable();
  const size_t slot = FindSlot(key);
  if (slots_[slot] != 0) return false;
  entries_.emplace_back(key, slot);
  slots_[slot] = static_cast<uint32_t>(entries_.size());
  if (entries_.size() * kSlotsPerKey > slots_.size()) {
    slots_.assign(slots_.size() * 2, 0);
    FillTable();
  }
  return true;
}

void KeySet::Clear() {
  if (entries_.size() >= kFew) {  // then there may be a table
    for (const Entry& entry : entries_) slots_[entry.slot] = 0;
  }
  entries_.clear();
}

size_t KeySet::FindSlot(absl::string_view key) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = XXH3_64bits_withSeed(key.data(), key.size(), seed_) & mask;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1].key != key) slot = (slot + 1) & mask;
  return slot;
}

void KeySet::FillTable() {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const size_t slot = FindSlot(entries_[i].key);
    entries_[i].slot = static_cast<uint32_t>(slot);
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

}  // namespace sluice::ingress
