#ifndef SLUICE_SERVICES_INGRESS_DECODER_KEY_SET_H_
#define SLUICE_SERVICES_INGRESS_DECODER_KEY_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::ingress {

// The keys seen so far in one object. Keeps its memory when cleared, so that a message of the usual
// size costs no allocation. One thread.
class KeySet {
 public:
  KeySet();

  // Whether `key` is new; it is in the set afterwards. Its bytes must stay where they are until
  // Clear.
  bool Insert(absl::string_view key) {
    if (entries_.size() >= kFew) return InsertInTable(key);
    for (const Entry& entry : entries_) {
      if (entry.key == key) return false;
    }
    entries_.emplace_back(key, 0);
    return true;
  }
  void Clear();
  size_t size() const { return entries_.size(); }

 private:
  // So many are compared one by one, which takes less time than a hash. With more there is a table.
  static constexpr size_t kFew = 8;

  struct Entry {
    Entry(absl::string_view key, size_t slot) : key(key), slot(static_cast<uint32_t>(slot)) {}
    absl::string_view key;
    uint32_t slot;  // if there is a table
  };

  bool InsertInTable(absl::string_view key);
  // Where the key stands in the table, or the free slot that it would take.
  size_t FindSlot(absl::string_view key) const;
  void FillTable();

  // Of the hashes: a sender that does not know it cannot choose keys that collide.
  const uint64_t seed_;
  std::vector<Entry> entries_;
  // Open addressing: index into entries_ plus one; 0 is free. A power of two in size, most of it
  // free.
  std::vector<uint32_t> slots_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_KEY_SET_H_
