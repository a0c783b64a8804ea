#include "libs/ring/lease_table.h"

#include "libs/ring/record_format.h"

namespace sluice::ring {
namespace {

constexpr int kCodeShift = 40;
constexpr int kLimitShift = 48;
constexpr uint64_t kExpiryMask = (uint64_t{1} << kCodeShift) - 1;

uint64_t Pack(const Lease& lease) {
  const uint64_t expires = lease.expires_ms < kExpiryMask ? lease.expires_ms : kExpiryMask;
  return expires | uint64_t{lease.code} << kCodeShift | uint64_t{lease.limit} << kLimitShift;
}

}  // namespace

uint64_t LeaseTable::KeyOf(const void* name, size_t name_bytes) const {
  const uint64_t key = Hash(name, name_bytes, seed_);
  return key != 0 ? key : 1;
}

LeaseEntry* LeaseTable::Bucket(uint64_t key) const {
  return entries_ + key % kLeaseBuckets * kLeasesPerBucket;
}

bool LeaseTable::ReaderAlive(uint64_t now_ms) const {
  return control_->alive_until_ms.load(std::memory_order_relaxed) > now_ms;
}

bool LeaseTable::Find(const void* name, size_t name_bytes, uint64_t now_ms, Lease* lease) const {
  if (!ReaderAlive(now_ms)) return false;
  const uint64_t key = KeyOf(name, name_bytes);
  const LeaseEntry* const bucket = Bucket(key);
  for (int i = 0; i < kLeasesPerBucket; ++i) {
    const LeaseEntry& entry = bucket[i];
    if (entry.key.load(std::memory_order_acquire) != key) continue;
    const uint64_t value = entry.value.load(std::memory_order_acquire);
    // The entry may have become another's in between.
    if (entry.key.load(std::memory_order_acquire) != key) continue;
    const uint64_t expires_ms = value & kExpiryMask;
    if (expires_ms <= now_ms) continue;
    lease->expires_ms = expires_ms;
    lease->code = static_cast<uint8_t>(value >> kCodeShift);
    lease->limit = static_cast<uint16_t>(value >> kLimitShift);
    return true;
  }
  return false;
}

void LeaseTable::KeepAliveUntil(uint64_t until_ms) {
  control_->alive_until_ms.store(until_ms, std::memory_order_release);
}

bool LeaseTable::Set(const void* name, size_t name_bytes, uint64_t now_ms, const Lease& lease) {
  const uint64_t key = KeyOf(name, name_bytes);
  LeaseEntry* const bucket = Bucket(key);
  LeaseEntry* place = nullptr;
  for (int i = 0; i < kLeasesPerBucket; ++i) {
    LeaseEntry* const entry = bucket + i;
    if (entry->key.load(std::memory_order_relaxed) == key) {
      entry->value.store(Pack(lease), std::memory_order_release);
      return true;
    }
    const uint64_t value = entry->value.load(std::memory_order_relaxed);
    if (place == nullptr && (value & kExpiryMask) <= now_ms) place = entry;
  }
  if (lease.expires_ms <= now_ms) return true;
  if (place == nullptr) return false;
  place->value.store(0, std::memory_order_release);
  place->key.store(key, std::memory_order_release);
  place->value.store(Pack(lease), std::memory_order_release);
  return true;
}

void LeaseTable::Clear() {
  for (int i = 0; i < kLeaseBuckets * kLeasesPerBucket; ++i) {
    entries_[i].value.store(0, std::memory_order_release);
  }
}

}  // namespace sluice::ring
