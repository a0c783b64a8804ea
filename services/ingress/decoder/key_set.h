#ifndef SLUICE_SERVICES_INGRESS_DECODER_KEY_SET_H_
#define SLUICE_SERVICES_INGRESS_DECODER_KEY_SET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::ingress {

// The keys seen so far in one object. Keeps its memory when cleared, so that a message of the usual
// size costs no allocation. One thread.
class KeySet {
 public:
  KeySet();

  // Whether `key` is new; it is in the set afterwards.
  bool Insert(absl::string_view key);
  void Clear();
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t hash;
    size_t begin;
    size_t size;
    size_t slot;
  };

  size_t FindSlot(uint64_t hash, absl::string_view key) const;
  void Grow();

  std::string bytes_;
  std::vector<Entry> entries_;
  // Open addressing: index into entries_ plus one; 0 is free. A power of two in size.
  std::vector<uint32_t> slots_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_KEY_SET_H_
